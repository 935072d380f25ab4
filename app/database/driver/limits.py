"""Time limits of statements, and the SQL that sets them."""

from sqlalchemy import Connection

STATEMENT_MS = 9_000
"""The limit for statements of users and of the login; it is below the driver's time-out.

So PostgreSQL ends the statement itself. At a time-out of its own, the driver only stops waiting and
has to send a cancel request.
"""
SEARCH_MS = 3_000
"""The limit for a search."""

LIMIT_MS = f"""(1000 * extract(epoch FROM least(
    nullif(current_setting('statement_timeout')::interval, '0'), '{STATEMENT_MS} ms'
)))::integer"""
"""An SQL expression: `STATEMENT_MS`, or a lower limit that an operator set on role or database."""


def set_limit(*, local: bool) -> str:
    """Return an SQL call that limits the statements of a transaction (`local`) or of a session."""
    return f"set_config('statement_timeout', ({LIMIT_MS})::text, {str(local).lower()})"


def limit_statements(connection: Connection) -> None:
    """Limit the statements of the transaction that has begun. In autocommit mode, do nothing."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"SELECT {set_limit(local=True)}")
