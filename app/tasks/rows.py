"""Conditions that select the owner's rows and exclude erased ones.

An erasure only raises `users.erased_revision`, which hides every row with a lower revision. The
rows are deleted later. So every statement that reads or changes rows must use these conditions.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import ColumnElement, Select, Table, false, select

from ..database.driver.statements import OWNER, SET_OWNER
from .models import users
from .schemas import NO_EXTRA, Task

*_OTHERS, _EXTRA = Task.__struct_fields__
_other_values = itemgetter(*_OTHERS)
_NO_EXTRA_TEXT = bytes(NO_EXTRA).decode()


def task_of(row: asyncpg.Record) -> Task:
    """Return the task in a row that has all columns of a task."""
    return Task(*(*_other_values(row), _raw(row[_EXTRA])))


def _raw(extra: str) -> msgspec.Raw:
    return NO_EXTRA if extra == _NO_EXTRA_TEXT else msgspec.Raw(extra)


def tasks_of(rows: Sequence[asyncpg.Record]) -> list[Task]:
    """Return the tasks in rows that have all of its columns, in their order, side by side.

    Rows whose `id` is null have no task. The columns are found by name once: for each row, that
    would take 5 % of the time of a list.
    """
    if not rows:
        return []
    begin = list(rows[0].keys()).index(Task.__struct_fields__[0])
    end = begin + len(_OTHERS)
    return [Task(*(*row[begin:end], _raw(row[end]))) for row in rows if row["id"] is not None]


IS_THE_OWNER = users.c.id == OWNER
HAS_DATA = IS_THE_OWNER & (users.c.revision > users.c.erased_revision)
"""Selects the owner's row, unless nothing has happened since an erasure."""

# The query around this one has `SET_OWNER`, which PostgreSQL evaluates first. Repeating it
# here would cost 5 µs for each statement. In another order, the policies would show no row.
ERASED_REVISION: ColumnElement[int] = (
    select(users.c.erased_revision).where(IS_THE_OWNER).scalar_subquery()
)


def is_kept(
    table: Table, erased_revision: ColumnElement[int] = ERASED_REVISION
) -> ColumnElement[bool]:
    """Return the condition that a row is not erased.

    A statement that locks the owner's row passes the `erased_revision` that it read under the
    lock. The default is that of the statement's snapshot, and an erasure may have committed since.
    """
    # Not `>=`: PostgreSQL would estimate that a third of the rows are kept. For a user with few
    # tasks it would read all of them by revision, instead of a page in its order. `IS FALSE` also
    # excludes null, which an owner without a row gives.
    return (table.c.revision < erased_revision).is_(false())


def kept(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return a query of the owner's rows that are not erased."""
    return select(*columns).where(SET_OWNER, table.c.user_id == OWNER, is_kept(table))


def kept_by_revision(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return a query of the same rows in the order of revisions.

    It skips erased rows by the index of revisions.
    """
    return (
        select(*columns)
        .where(SET_OWNER, table.c.user_id == OWNER, table.c.revision >= ERASED_REVISION)
        .order_by(table.c.revision)
    )


def is_erased(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row is erased and waits to be deleted."""
    return table.c.revision < ERASED_REVISION
