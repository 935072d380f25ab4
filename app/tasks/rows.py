"""Which rows of the owner count: those that are not erased.

An erasure raises `users.erased_revision`, and that alone hides everything with a lower revision;
the rows are deleted later. So every statement that reads or changes rows says so, through here.
"""

from operator import itemgetter
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, Select, Table, false, select

from app.database.driver.statements import NAMES_THE_OWNER, OWNER
from app.tasks.models import users
from app.tasks.schemas import Task

_task_values = itemgetter(*Task.__struct_fields__)


def task_of(row: asyncpg.Record) -> Task:
    """Return the task in a row that has all of its columns."""
    return Task(*_task_values(row))


IS_THE_OWNER = users.c.id == OWNER
HAS_DATA = IS_THE_OWNER & (users.c.revision > users.c.erased_revision)
"""The owner's row, unless nothing happened since an erasure: such a row counts as none."""

# The query around it names the owner, and PostgreSQL evaluates that first. To name the owner here,
# too, would cost 5 µs for each statement; if the order were another, no row would be seen.
ERASED_REVISION: ColumnElement[int] = (
    select(users.c.erased_revision).where(IS_THE_OWNER).scalar_subquery()
)


def is_kept(
    table: Table, erased_revision: ColumnElement[int] = ERASED_REVISION
) -> ColumnElement[bool]:
    """Return the condition that a row is not erased.

    A statement that locks the owner's row passes the `erased_revision` that it read under the
    lock: the default is of the statement's snapshot, and an erasure may have committed since.
    """
    # Not `>=`: PostgreSQL would guess that a third of the rows are kept, and for a user with few
    # tasks read all of them by revision, instead of a page in its order. Null is not false either.
    return (table.c.revision < erased_revision).is_(false())


def kept(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return a query of the owner's rows that are not erased."""
    return select(*columns).where(NAMES_THE_OWNER, table.c.user_id == OWNER, is_kept(table))


def kept_by_revision(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return the same for a query in the order of revisions: it passes the erased by the index."""
    return (
        select(*columns)
        .where(NAMES_THE_OWNER, table.c.user_id == OWNER, table.c.revision >= ERASED_REVISION)
        .order_by(table.c.revision)
    )


def is_erased(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row waits to be deleted."""
    return table.c.revision < ERASED_REVISION
