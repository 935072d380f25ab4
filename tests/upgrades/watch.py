"""A watch on a migration's effects on tables that others are reading and writing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, event

# All locks of this transaction that block writes of others.
STRONG = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
TABLES = f"""
SELECT c.relname, c.relfilenode, pg_stat_get_xact_numscans(c.oid) AS scans,
       pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) AS changes,
       EXISTS (SELECT FROM pg_locks WHERE relation = c.oid AND pid = pg_backend_pid()
               AND mode IN {STRONG}) AS locked
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
  AND c.relname <> 'taskward_version'
"""
COLUMNS = """
SELECT table_name || '.' || column_name, data_type,
       is_nullable = 'YES' OR column_default IS NOT NULL AS can_be_left_out
FROM information_schema.columns WHERE table_schema = current_schema()
"""


class Table(NamedTuple):
    """A table, as the transaction sees it, and what the transaction has done with it."""

    file: int
    scans: int
    changes: int
    locked: bool


@contextmanager
def watching(connection: Connection) -> Iterator[list[str]]:
    """Yield a list that collects the faults of the statements on the connection."""
    faults: list[str] = []
    known, columns, looking = _tables(connection), _columns(connection), False

    def look(_: Connection, __: object, statement: str, *___: object) -> None:
        nonlocal known, looking
        if looking:
            return
        looking = True
        now = _tables(connection)
        faults.extend(
            f"{fault}: {statement}"
            for name, before in known.items()
            if name in now
            for fault in _faults(name, before, now[name])
        )
        known = {name: now[name] for name in known if name in now}
        looking = False

    event.listen(connection, "after_cursor_execute", look)
    try:
        yield faults
    finally:
        event.remove(connection, "after_cursor_execute", look)
    faults += _incompatible(columns, _columns(connection))


def _faults(name: str, before: Table, now: Table) -> Iterator[str]:
    if now.locked and (now.scans > before.scans or now.file != before.file):
        yield f"nobody can write {name} while all of it is read"
    if now.changes > before.changes:
        yield f"rows of {name} are changed, and stay locked until the migration ends"


def _incompatible(
    before: Mapping[str, tuple[str, bool]], after: Mapping[str, tuple[str, bool]]
) -> Iterator[str]:
    for name, (kind, _) in before.items():
        if after.get(name, ("", True))[0] != kind:
            yield f"the version before uses {name}"
    tables = {name.partition(".")[0] for name in before}
    for name in after.keys() - before.keys():
        if name.partition(".")[0] in tables and not after[name][1]:
            yield f"the version before inserts rows without {name}"


def _tables(connection: Connection) -> dict[str, Table]:
    return {name: Table(*rest) for name, *rest in _rows(connection, TABLES)}


def _columns(connection: Connection) -> dict[str, tuple[str, bool]]:
    return {name: (kind, optional) for name, kind, optional in _rows(connection, COLUMNS)}


def _rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(sql)]
