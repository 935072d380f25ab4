"""Checks whether Taskward can work with a database, before a command does anything with it."""

from sqlalchemy import text

from .database import Database

MIN_POSTGRESQL = 15
ENCODING = "UTF8"

_STATE = text("""
SELECT current_setting('server_version_num')::int AS version,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS is_standby,
       current_setting('transaction_read_only')::bool AS is_read_only,
       current_schema() AS schema, current_setting('search_path') AS search_path,
       btrim(btrim(split_part(current_setting('search_path'), ',', 1)), '"') AS first_schema,
       current_database() AS database
""")


class UnfitDatabaseError(Exception):
    """Taskward cannot work with the database; the message gives the reason and what to do."""


class StandbyError(UnfitDatabaseError):
    """The database is read-only at present; a failover can make it the primary."""


async def require_fit(database: Database) -> int:
    """Return PostgreSQL's version number, such as 180001.

    Raises `UnfitDatabaseError` if it is too old, has another encoding, is read-only or has no
    schema for the tables.
    """
    # This connection starts with a setting. A pooler rejects it if `DATABASE_POOLER` is missing.
    async with database.maintenance_connection() as connection:
        state = (await connection.execute(_STATE)).one()
    major, name = state.version // 10_000, state.database
    if major < MIN_POSTGRESQL:
        raise UnfitDatabaseError(
            f"PostgreSQL {major} is too old. Use PostgreSQL {MIN_POSTGRESQL} or newer."
        )
    if state.encoding != ENCODING:
        raise UnfitDatabaseError(
            f"the database {name} has the encoding {state.encoding}, but Taskward needs "
            f"{ENCODING}. Create another database (CREATE DATABASE ... TEMPLATE template0 ENCODING "
            f"'{ENCODING}'), and set DATABASE_URL to it."
        )
    if state.is_standby:
        raise StandbyError(
            "this server is a standby, which is read-only. Set DATABASE_URL to the primary."
        )
    if state.is_read_only:
        raise StandbyError(
            f"the database {name} is read-only. Turn default_transaction_read_only off."
        )
    _check_schema(state.schema, state.first_schema, state.search_path)
    version: int = state.version
    return version


def _check_schema(schema: str | None, first: str, search_path: str) -> None:
    """Reject a search path whose first schema is missing: the tables would go into the next one."""
    if schema is None or (schema != first and first not in {"$user", ""}):
        raise UnfitDatabaseError(
            f"there is no schema for the tables, or the login may not use it (search_path is "
            f"{search_path}). Create the first schema of search_path."
        )
