"""Checks that distinguish Taskward's tables from another program's of the same names."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..wall.tables import Wall
from . import version

_FOUND = text("""
SELECT relname AS name,
       ARRAY(SELECT attname::text FROM pg_attribute
             WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
       ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid) AS constraints
FROM pg_class c
WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relname = ANY (:tables)
ORDER BY relname
""")
_SCHEMA_AND_LOGIN = text("SELECT current_schema() AS schema, quote_ident(CURRENT_USER) AS login")


class ForeignDatabaseError(Exception):
    """The schema contains other programs' tables; the message says which, and what to do."""


async def require_own(connection: AsyncConnection, wall: Wall, revision: str) -> None:
    """Check that the tables of a revision exist, and that another program did not create them.

    `revision` is empty if the schema has none. Raises `ForeignDatabaseError`.
    """
    faults = await _faults(connection, wall, revision)
    if faults:
        raise await _refusal(connection, "; ".join(faults))


async def adoptable_revision(connection: AsyncConnection, wall: Wall) -> str:
    """Return the revision that a version up to 0.2 left, which had no version table of its own.

    Empty if there is none. Raises `ForeignDatabaseError` if the table is another program's.
    """
    found = await version.released_revision(connection)
    if not found:
        return ""
    table = f"the table {version.RELEASED_TABLE} contains {found[:40]!r}"
    if found not in version.RELEASED_REVISIONS:
        raise await _refusal(connection, f"{table}, which is not a revision of Taskward")
    faults = await _faults(connection, wall, found)
    if faults:
        raise await _refusal(
            connection,
            f"{table}, but another program seems to have created it: {'; '.join(faults)}",
        )
    return found


def check_number(found: str) -> None:
    """Raise `ForeignDatabaseError` for a revision that no version of Taskward writes."""
    if found and not version.is_revision(found):
        raise ForeignDatabaseError(
            f"the table {version.TABLE} contains {found[:40]!r}, which is not a revision of "
            "Taskward. Nothing was changed. Restore the table from a backup."
        )


async def _faults(connection: AsyncConnection, wall: Wall, revision: str) -> list[str]:
    rows = (await connection.execute(_FOUND, {"tables": list(wall.tables)})).all()
    return list(_differences(rows, wall, revision))


def _differences(rows: Sequence[Row[Any]], wall: Wall, revision: str) -> Iterator[str]:
    found = {row.name: row for row in rows}
    for name, table in wall.tables.items():
        row = found.get(name)
        if table.revision > revision:
            if row is not None:
                yield f"there is a table {name} that Taskward did not create"
        elif row is None:
            yield f"there is no table {name}"
        elif table.columns - set(row.columns) or table.constraints - set(row.constraints):
            yield f"the table {name} differs from the one that Taskward creates"


async def _refusal(connection: AsyncConnection, fault: str) -> ForeignDatabaseError:
    names = (await connection.execute(_SCHEMA_AND_LOGIN)).one()
    return ForeignDatabaseError(
        f"the schema {names.schema} conflicts with Taskward: {fault}. Nothing was changed.\n"
        "If another program uses this schema, give Taskward a separate one:\n\n"
        f"    CREATE SCHEMA taskward AUTHORIZATION {names.login};\n\n"
        "and add ?options=-csearch_path%3Dtaskward to DATABASE_URL. A pooler does not pass this\n"
        "option on. Behind a pooler, run this instead, with a separate login for Taskward:\n\n"
        f"    ALTER ROLE {names.login} SET search_path = taskward;\n"
    )
