"""How long a statement of PostgreSQL may take, and the SQL that says so."""

from sqlalchemy import Connection

STATEMENT_MS = 9_000
"""The limit of a user's statement and of the login's: less than the driver's own time-out.

PostgreSQL then ends the statement itself. The driver only stops waiting, and has to send a cancel.
"""
SEARCH_MS = 3_000
"""The limit of a search."""

LIMIT_MS = f"""(1000 * extract(epoch FROM least(
    nullif(current_setting('statement_timeout')::interval, '0'), '{STATEMENT_MS} ms'
)))::integer"""
"""An expression: `STATEMENT_MS`, or a lower limit that an operator gave to the role or database."""


def set_limit(*, local: bool) -> str:
    """Return a call that limits the statements of a transaction (`local`) or of a session."""
    return f"set_config('statement_timeout', ({LIMIT_MS})::text, {str(local).lower()})"


def limit_statements(connection: Connection) -> None:
    """Limit the statements of the transaction that has begun, unless each is one of its own."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"SELECT {set_limit(local=True)}")
