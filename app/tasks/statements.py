"""The SQL of single tasks, built once. Every statement reads and changes rows of one owner.

A change takes the user's next revision in the same statement, under the lock of the user's row.
The statement's snapshot is older than that lock: it does not have changes that other transactions
committed while the statement waited. But PostgreSQL returns the current version of a row that a
statement locks. So each statement locks the task, too, and decides based on the locked values.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    Insert,
    Integer,
    Uuid,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from ..database.driver.statements import OWNER, SET_OWNER
from .models import tasks, tombstones, users
from .rows import HAS_DATA, IS_THE_OWNER, is_kept, kept
from .schemas import Task, TaskInput, TaskPatch

TASK_ID = bindparam("task_id", type_=Uuid)
MAX_TASKS = bindparam("max_tasks", type_=Integer)
EXPECTED_REVISIONS = bindparam("expected_revisions", type_=ARRAY(BigInteger))
NEW: dict[str, BindParameter[Any]] = {
    name: bindparam(f"new_{name}", type_=tasks.c[name].type) for name in TaskPatch.__struct_fields__
}
"""The parameters for the fields that a client can change."""

MAX_TOMBSTONES = 50_000
"""A tombstone is dropped after this many changes. So a user has at most this many tombstones."""
_DROPPED_AT_ONCE = 2
"""How many tombstones one deletion drops: more than it adds, so that an excess shrinks."""


def new_values(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the values of the parameters in `NEW` for some fields of a task."""
    return {f"new_{name}": value for name, value in fields.items()}


COLUMNS = [tasks.c[name] for name in Task.__struct_fields__]
_IS_THE_TASK = (tasks.c.user_id == OWNER) & (tasks.c.id == TASK_ID)

LOCK_USER = (
    select(users.c.id, users.c.revision, users.c.erased_revision)
    .where(SET_OWNER, IS_THE_OWNER)
    .with_for_update(key_share=True)
)


def _locked_task(locked_owner: CTE) -> CTE:
    """Lock the task after the owner's row, and return its current values."""
    return (
        select(*COLUMNS, func.now().label("instant"))
        .where(
            SET_OWNER,
            _IS_THE_TASK,
            tasks.c.user_id == locked_owner.c.id,
            is_kept(tasks, locked_owner.c.erased_revision),
        )
        .with_for_update(key_share=True, of=tasks)
        .cte("locked")
    )


def _is_as_expected(locked: CTE) -> ColumnElement[bool]:
    return EXPECTED_REVISIONS.is_(null()) | (locked.c.revision == func.any(EXPECTED_REVISIONS))


def _next_revision(
    locked: CTE,
    condition: ColumnElement[bool],
    **changed: ColumnElement[Any],
) -> CTE:
    """Take the owner's next revision if the locked task satisfies the condition."""
    return (
        update(users)
        .where(SET_OWNER, IS_THE_OWNER, users.c.id == locked.c.user_id, condition)
        .values(revision=users.c.revision + 1, **changed)
        .returning(users.c.id, users.c.revision, locked.c.instant)
        .cte("owner_row")
    )


def _insert_task() -> Insert:
    new_owner = select(OWNER, literal(1, BigInteger), literal(1, Integer)).where(SET_OWNER)
    owner_row = (
        postgresql.insert(users)
        .from_select(["id", "revision", "task_count"], new_owner)
        .on_conflict_do_update(
            index_elements=[users.c.id],
            set_={"revision": users.c.revision + 1, "task_count": users.c.task_count + 1},
            # If the quota is reached, this returns no row, and no task is inserted below.
            where=users.c.task_count < MAX_TASKS,
        )
        .returning(users.c.id, users.c.revision)
        .cte("owner_row")
    )
    values = {
        "user_id": owner_row.c.id,
        "id": TASK_ID,
        **{name: NEW[name] for name in TaskInput.__struct_fields__},
        "revision": owner_row.c.revision,
    }
    return insert(tasks).from_select(list(values), select(*values.values())).returning(*COLUMNS)


@cache
def update_task(fields: frozenset[str]) -> ClauseElement:
    """Return a statement that sets these fields of a task to the parameters in `NEW`.

    Rows are `(*task columns, as_expected)`. `as_expected` is whether the task had an expected
    revision. If it had not, or if the fields already had these values, the task is not changed.
    """
    locked = _locked_task(LOCK_USER.cte("locked_owner"))
    values: dict[str, ColumnElement[Any]] = {name: NEW[name] for name in sorted(fields)}
    differs = or_(*(locked.c[name].is_distinct_from(value) for name, value in values.items()))
    owner_row = _next_revision(locked, _is_as_expected(locked) & differs)
    if "completed" in fields:
        values["completed_at"] = case(
            (tasks.c.completed == NEW["completed"], tasks.c.completed_at),
            (NEW["completed"], owner_row.c.instant),
            else_=null(),
        )
    changed = (
        update(tasks)
        .where(SET_OWNER, _IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
        .values(
            **values,
            revision=owner_row.c.revision,
            # A transaction that began earlier can commit later. `updated_at` must not decrease.
            updated_at=func.greatest(owner_row.c.instant, tasks.c.updated_at),
        )
        .returning(*COLUMNS)
        .cte("changed")
    )
    before = [locked.c[column.name] for column in COLUMNS]
    return union_all(
        select(*changed.c, true().label("as_expected")),
        select(*before, _is_as_expected(locked).label("as_expected")).where(
            ~(_is_as_expected(locked) & differs)
        ),
    )


def _delete_task() -> Insert:
    """Return a statement that replaces a task by a tombstone. Rows are `(id,)`, of a deleted task.

    It drops the oldest tombstones that are older than `MAX_TOMBSTONES` changes, and raises the
    feed's floor to them, so that a change token from before them gets a 410.
    """
    locked_owner = LOCK_USER.cte("locked_owner")
    locked = _locked_task(locked_owner)
    outlived = _outlived(locked_owner)
    owner_row = _next_revision(
        locked,
        _is_as_expected(locked),
        task_count=users.c.task_count - 1,
        feed_floor=func.greatest(
            users.c.feed_floor, select(func.max(outlived.c.revision)).scalar_subquery()
        ),
    )
    deleted = (
        delete(tasks)
        .where(SET_OWNER, _IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
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


INSERT_TASK = _insert_task()
SELECT_TASK = kept(tasks, *COLUMNS).where(tasks.c.id == TASK_ID)
SELECT_TASKS = kept(tasks, *COLUMNS).where(
    tasks.c.id == func.any(bindparam("task_ids", type_=ARRAY(Uuid)))
)
DELETE_TASK = _delete_task()

SELECT_USER = select(users.c.task_count, users.c.revision, users.c.epoch).where(SET_OWNER, HAS_DATA)
