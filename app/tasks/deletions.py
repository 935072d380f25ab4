"""The SQL that deletes a task. A tombstone remains for the change feed."""

from sqlalchemy import CTE, Insert, delete, func, insert, select

from ..database.driver.statements import OWNER, SET_OWNER
from .models import tasks, tombstones, users
from .statements import IS_THE_TASK, LOCK_USER, is_as_expected, locked_task, next_revision

MAX_TOMBSTONES = 50_000
"""A tombstone is dropped after this many changes. So a user has at most this many tombstones."""
_DROPPED_AT_ONCE = 2
"""How many tombstones one deletion drops: more than it adds, so that an excess shrinks."""


def _delete_task() -> Insert:
    """Return a statement that replaces a task by a tombstone. Rows are `(id,)`, of a deleted task.

    It drops the oldest tombstones that are older than `MAX_TOMBSTONES` changes, and raises the
    feed's floor to them, so that a change token from before them gets a 410.
    """
    locked_owner = LOCK_USER.cte("locked_owner")
    locked = locked_task(locked_owner)
    outlived = _outlived(locked_owner)
    owner_row = next_revision(
        locked,
        is_as_expected(locked),
        task_count=users.c.task_count - 1,
        feed_floor=func.greatest(
            users.c.feed_floor, select(func.max(outlived.c.revision)).scalar_subquery()
        ),
    )
    deleted = (
        delete(tasks)
        .where(SET_OWNER, IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
        .returning(tasks.c.user_id, tasks.c.id)
        .cte("deleted")
    )
    dropped = (
        delete(tombstones)
        .where(
            SET_OWNER,
            tombstones.c.user_id == OWNER,
            tombstones.c.user_id == owner_row.c.id,
            tombstones.c.id == outlived.c.id,
        )
        .returning(tombstones.c.id)
        .cte("dropped")
    )
    tombstone = select(owner_row.c.id, deleted.c.id, owner_row.c.revision).where(
        deleted.c.user_id == owner_row.c.id
    )
    # This must be the outermost statement: Citus cannot run a nested one on a single machine.
    buried = insert(tombstones).from_select(["user_id", "id", "revision"], tombstone)
    return buried.returning(tombstones.c.id).add_cte(dropped)


def _outlived(locked_owner: CTE) -> CTE:
    # A scalar and not a join, so that PostgreSQL finds the few rows by the index of revisions.
    newest = select(locked_owner.c.revision + 1 - MAX_TOMBSTONES).scalar_subquery()
    return (
        select(tombstones.c.id, tombstones.c.revision)
        .where(
            SET_OWNER,
            tombstones.c.user_id == OWNER,
            tombstones.c.revision <= newest,
        )
        .order_by(tombstones.c.revision)
        .limit(_DROPPED_AT_ONCE)
        # A purge may be deleting them. Do not wait for it.
        .with_for_update(of=tombstones, skip_locked=True)
        .cte("outlived")
    )


DELETE_TASK = _delete_task()
