"""The SQL that deletes a task. A tombstone remains for the change feed.

A tombstone keeps the content of its task, so that the task can be restored. What a user deletes in
a period of `TOMBSTONES_EXPIRE` has a budget. Beyond it, tombstones have no content.
"""

from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Interval,
    Text,
    case,
    cast,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import ReturningInsert

from ..database.driver.statements import OWNER, SET_OWNER
from .models import CONTENT, tasks, tombstones, users
from .statements import (
    IS_THE_TASK,
    LOCK_USER,
    TASK_ID,
    is_as_expected,
    locked_task,
    next_revision,
)
from .wall import TOMBSTONES_EXPIRE

_LIFETIME = literal(TOMBSTONES_EXPIRE.lifetime, Interval)
_NONE = literal_column("0", Integer)

MAX_TOMBSTONES = 50_000
"""A tombstone is dropped after this many changes. So a user has at most this many tombstones."""
MAX_DELETED_BYTES = 64 * 1024 * 1024
"""The storage for the content that a user deletes in a period of `TOMBSTONES_EXPIRE`."""
_BYTES_OF_A_ROW = 200
"""What a tombstone takes with content, besides the texts."""
_DROPPED_AT_ONCE = 2
"""How many tombstones one deletion drops: more than it adds, so that an excess shrinks."""


def _cost() -> ColumnElement[int]:
    """Return about how many bytes the content of a task takes."""
    texts = (
        tasks.c.title,
        tasks.c.description,
        tasks.c.position,
        cast(tasks.c.extra, Text),
        func.array_to_string(tasks.c.labels, literal_column("''", Text)),
    )
    sizes = [func.coalesce(func.octet_length(each), _NONE) for each in texts]
    return reduce(add, sizes, literal_column(str(_BYTES_OF_A_ROW), Integer))


def _locked_with_budget() -> tuple[CTE, CTE]:
    """Lock the owner's row and the task.

    Besides the task's columns, the second one has `has_room`, whether the budget has room for its
    content, and the new values of the budget.
    """
    is_over = users.c.deleted_bytes_since <= func.now() - _LIFETIME
    locked_owner = (
        LOCK_USER.add_columns(
            case((is_over, _NONE), else_=users.c.deleted_bytes).label("deleted_bytes"),
            case((is_over, func.now()), else_=users.c.deleted_bytes_since).label("since"),
        )
    ).cte("locked_owner")
    bytes_before, bytes_after = locked_owner.c.deleted_bytes, locked_owner.c.deleted_bytes + _cost()
    has_room = bytes_after <= literal_column(str(MAX_DELETED_BYTES), Integer)
    locked = locked_task(
        locked_owner,
        has_room.label("has_room"),
        case((has_room, bytes_after), else_=bytes_before).label("deleted_bytes"),
        locked_owner.c.since.label("deleted_bytes_since"),
    )
    return locked_owner, locked


def _delete_task() -> ReturningInsert[Any]:
    """Return a statement that replaces a task by a tombstone. Rows are `(id,)`, of a deleted task.

    It drops the oldest tombstones that are older than `MAX_TOMBSTONES` changes, and raises the
    feed's floor to them, so that a change token from before them gets a 410.
    """
    locked_owner, locked = _locked_with_budget()
    outlived = _outlived(locked_owner)
    owner_row = next_revision(
        locked,
        is_as_expected(locked),
        locked.c.has_room,
        deleted_bytes=locked.c.deleted_bytes,
        deleted_bytes_since=locked.c.deleted_bytes_since,
        task_count=users.c.task_count - 1,
        feed_floor=func.greatest(
            users.c.feed_floor, select(func.max(outlived.c.revision)).scalar_subquery()
        ),
    )
    deleted = (
        delete(tasks)
        .where(SET_OWNER, IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
        .returning(tasks.c.user_id, tasks.c.id, *(tasks.c[name] for name in CONTENT))
        .cte("deleted")
    )
    return _buried(owner_row, deleted).add_cte(_dropped(owner_row, outlived))


def _buried(owner_row: CTE, deleted: CTE) -> ReturningInsert[Any]:
    # This must be the outermost statement: Citus cannot run a nested one on a single machine.
    values = {
        "user_id": owner_row.c.id,
        "id": deleted.c.id,
        "revision": owner_row.c.revision,
        "deleted_at": owner_row.c.instant,
        **{name: case((owner_row.c.has_room, deleted.c[name]), else_=null()) for name in CONTENT},
    }
    tombstone = select(*values.values()).where(deleted.c.user_id == owner_row.c.id)
    buried = postgresql.insert(tombstones).from_select(list(values), tombstone)
    # An existing tombstone is of an erased task, and waits to be deleted.
    replaced = {name: buried.excluded[name] for name in values if name not in {"user_id", "id"}}
    buried = buried.on_conflict_do_update(
        index_elements=[tombstones.c.user_id, tombstones.c.id], set_=replaced
    )
    return buried.returning(tombstones.c.id)


def _dropped(owner_row: CTE, outlived: CTE) -> CTE:
    return (
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


def _outlived(locked_owner: CTE) -> CTE:
    # A scalar and not a join, so that PostgreSQL finds the few rows by the index of revisions.
    newest = select(locked_owner.c.revision + 1 - MAX_TOMBSTONES).scalar_subquery()
    return (
        select(tombstones.c.id, tombstones.c.revision)
        .where(
            SET_OWNER,
            tombstones.c.user_id == OWNER,
            tombstones.c.revision <= newest,
            # This one is replaced.
            tombstones.c.id != TASK_ID,
        )
        .order_by(tombstones.c.revision)
        .limit(_DROPPED_AT_ONCE)
        # A purge may be deleting them. Do not wait for it.
        .with_for_update(of=tombstones, skip_locked=True)
        .cte("outlived")
    )


DELETE_TASK = _delete_task()
