"""The deleted tasks of a user that can be restored, and the SQL that restores one."""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Insert,
    Select,
    delete,
    func,
    insert,
    select,
    update,
)

from ..database.driver.statements import OWNER, SET_OWNER
from .fields import shown
from .models import CONTENT, tasks, tombstones, users
from .rows import HAS_DATA, IS_THE_OWNER, kept, kept_by_revision
from .statements import COLUMNS, MAX_TASKS, TASK_ID

IS_RESTORABLE = tombstones.c.title.is_not(None)
DELETED_COUNT = (
    kept_by_revision(tombstones, func.count())
    .where(IS_RESTORABLE)
    .order_by(None)
    .scalar_subquery()
    .label("deleted_count")
)
"""The number of the owner's deleted tasks that can be restored."""
_IS_COMPLETED: ColumnElement[bool] = tombstones.c.completed_at.is_not(None)


def deleted_tasks() -> Select[Any]:
    """Return a query of the owner's deleted tasks with the columns of `tasks`.

    They are as they were, but `revision` and `updated_at` are those of the deletion.
    """
    return kept(tombstones, *map(_column, COLUMNS)).where(IS_RESTORABLE)


def _column(column: Column[Any]) -> ColumnElement[Any]:
    if column is tasks.c.completed:
        return _IS_COMPLETED.label("completed")
    name = "deleted_at" if column is tasks.c.updated_at else column.name
    return tombstones.c[name].label(column.name)


_IS_THE_TOMBSTONE = tombstones.c.id == TASK_ID
_FOUND = (
    kept(tombstones, *tombstones.c)
    .where(_IS_THE_TOMBSTONE, IS_RESTORABLE)
    # A purge may be deleting it.
    .with_for_update(of=tombstones)
    .cte("found")
)


def _restore_task() -> Insert:
    """Return a statement that replaces a tombstone by its task. Rows are the columns of a task.

    The transaction must have locked the owner's row. There is no row if the quota is reached, or
    if no tombstone has this id and content.
    """
    found = _FOUND
    owner_row = (
        update(users)
        .where(SET_OWNER, IS_THE_OWNER, users.c.id == found.c.user_id)
        .where(users.c.task_count < MAX_TASKS)
        .values(revision=users.c.revision + 1, task_count=users.c.task_count + 1)
        .returning(users.c.id, users.c.revision)
        .cte("owner_row")
    )
    dropped = (
        delete(tombstones)
        .where(SET_OWNER, tombstones.c.user_id == OWNER, tombstones.c.user_id == owner_row.c.id)
        .where(_IS_THE_TOMBSTONE)
        .returning(tombstones.c.id)
        .cte("dropped")
    )
    values = {
        "user_id": owner_row.c.id,
        "id": found.c.id,
        **{name: found.c[name] for name in CONTENT},
        "completed": found.c.completed_at.is_not(None),
        # A transaction that began earlier can commit later. `updated_at` must not decrease.
        "updated_at": func.greatest(func.now(), found.c.deleted_at),
        "revision": owner_row.c.revision,
    }
    restored = select(*values.values()).where(found.c.user_id == owner_row.c.id)
    task = insert(tasks).from_select(list(values), restored)
    return task.returning(*shown(tasks)).add_cte(dropped)


_TRASH = deleted_tasks().where(_IS_THE_TOMBSTONE).subquery("trash")

SELECT_DELETED = select(*shown(_TRASH))
SELECT_USER = select(users.c.revision, users.c.epoch, DELETED_COUNT).where(SET_OWNER, HAS_DATA)
RESTORE_TASK = _restore_task()
