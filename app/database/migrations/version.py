"""The revision of the schema, in Taskward's own table.

The table is in the same schema as the others, and statements always name that schema: the search
path could lead to another program's table. The versions up to 0.2 shared Alembic's usual table,
`alembic_version`, with every other program that uses Alembic.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..wall.tables import Wall

TABLE = "taskward_version"
RELEASED_TABLE = "alembic_version"
RELEASED_REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""The revisions that versions without a table of their own wrote into `RELEASED_TABLE`."""

_SCHEMA = text("""
SELECT quote_ident(current_schema()) AS schema,
       EXISTS (SELECT FROM pg_class WHERE relname = :table AND relkind = 'r'
               AND relnamespace = quote_ident(current_schema())::regnamespace) AS is_there
""")


def is_at_head(found: str, wall: Wall) -> bool:
    """Return whether a revision is that of this version, or of a later one."""
    return is_revision(found) and found >= wall.head


def is_revision(found: str) -> bool:
    """Return whether a text has the form of Taskward's revisions."""
    return len(found) == len(RELEASED_REVISIONS[0]) and found.isascii() and found.isdecimal()


async def revision(connection: AsyncConnection) -> str:
    """Return the revision of the schema, a number of four digits; empty if there is none."""
    return await _read(connection, TABLE)


async def released_revision(connection: AsyncConnection) -> str:
    """Return the content of the table that versions up to 0.2 used; it may be another program's."""
    return await _read(connection, RELEASED_TABLE)


async def create_table(connection: AsyncConnection) -> None:
    """Create the table, empty, unless it exists."""
    schema, is_there = (await connection.execute(_SCHEMA, {"table": TABLE})).one()
    if not is_there:
        await connection.execute(
            text(
                f"CREATE TABLE {schema}.{TABLE} (version_num varchar(32) "
                f"CONSTRAINT {TABLE}_pkc PRIMARY KEY)"
            )
        )


async def write(connection: AsyncConnection, revision: str) -> None:
    """Set the revision in a table that has none yet."""
    schema, _ = (await connection.execute(_SCHEMA, {"table": TABLE})).one()
    await connection.execute(
        text(f"INSERT INTO {schema}.{TABLE} VALUES (:revision)"),  # noqa: S608 - quoted
        {"revision": revision},
    )


async def _read(connection: AsyncConnection, table: str) -> str:
    schema, is_there = (await connection.execute(_SCHEMA, {"table": table})).one()
    if not is_there:
        return ""
    statement = text(f"SELECT version_num FROM {schema}.{table}")  # noqa: S608 - quoted
    found = (await connection.scalars(statement)).all()
    # Branches of another program's migrations have a row each.
    return ", ".join(sorted(found))
