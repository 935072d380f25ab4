"""The SQL of single tasks, built once. Every statement reads and changes rows of one owner.

A change takes the user's next revision in the same statement, under the lock of the user's row.
The statement's snapshot is older than that lock: it does not have changes that other transactions
committed while the statement waited. But PostgreSQL returns the current version of a row that a
statement locks. So each statement locks the task, too, and decides based on the locked values.
"""

from collections.abc import Mapping
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
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from ..database.driver.statements import OWNER, SET_OWNER
from .fields import is_for_a_day, shown, stored
from .models import tasks, users
from .rows import HAS_DATA, IS_THE_OWNER, is_kept, kept
from .schemas import Task, TaskPatch

TASK_ID = bindparam("task_id", type_=Uuid)
MAX_TASKS = bindparam("max_tasks", type_=Integer)
EXPECTED_REVISIONS = bindparam("expected_revisions", type_=ARRAY(BigInteger))
NEW: dict[str, BindParameter[Any]] = {
    name: bindparam(f"new_{name}", type_=tasks.c[name].type) for name in TaskPatch.__struct_fields__
}
"""The parameters for the fields that a client can change."""
FIELDS = bindparam("fields", type_=Integer)
"""The fields that an update sets, as a sum of `_BITS`.

`due_at` applies to a task that is not due on a day, and `due_on` to one that is. So a new due date
sets both, and null for only one of them does not clear the other.
"""
_BITS = {name: 1 << index for index, name in enumerate(NEW)}
_KEPT = dict.fromkeys((f"new_{name}" for name in NEW), None)


def new_values(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of a statement that sets some fields of a task.

    Raises `ExtraTooLargeError`.
    """
    has_due_date = fields.get("due_at") is not None or fields.get("due_on") is not None
    names = {*fields, "due_at", "due_on"} if has_due_date else fields
    values = {f"new_{name}": value for name, value in stored(fields).items()}
    return {**_KEPT, **values, "fields": sum(_BITS[name] for name in names)}


COLUMNS = [tasks.c[name] for name in Task.__struct_fields__]
IS_THE_TASK = (tasks.c.user_id == OWNER) & (tasks.c.id == TASK_ID)

LOCK_USER = (
    select(users.c.id, users.c.revision, users.c.erased_revision)
    .where(SET_OWNER, IS_THE_OWNER)
    .with_for_update(key_share=True)
)


def locked_task(locked_owner: CTE, *more: ColumnElement[Any]) -> CTE:
    """Lock the task after the owner's row, and return its current values, and more."""
    return (
        select(*COLUMNS, func.now().label("instant"), *more)
        .where(
            SET_OWNER,
            IS_THE_TASK,
            tasks.c.user_id == locked_owner.c.id,
            is_kept(tasks, locked_owner.c.erased_revision),
        )
        .with_for_update(key_share=True, of=tasks)
        .cte("locked")
    )


def is_as_expected(locked: CTE) -> ColumnElement[bool]:
    """Return the condition that the locked task has an expected revision."""
    return EXPECTED_REVISIONS.is_(null()) | (locked.c.revision == func.any(EXPECTED_REVISIONS))


def next_revision(
    locked: CTE,
    condition: ColumnElement[bool],
    *more: ColumnElement[Any],
    **changed: ColumnElement[Any],
) -> CTE:
    """Take the owner's next revision if the locked task satisfies the condition.

    Return it, with `more` columns of the locked task.
    """
    return (
        update(users)
        .where(SET_OWNER, IS_THE_OWNER, users.c.id == locked.c.user_id, condition)
        .values(revision=users.c.revision + 1, **changed)
        .returning(users.c.id, users.c.revision, locked.c.instant, *more)
        .cte("owner_row")
    )


def insert_task(
    *conditions: ColumnElement[bool],
    unchanged: ColumnElement[bool] | None = None,
    **more: ColumnElement[Any],
) -> Insert:
    """Return a statement that creates a task if `conditions` are true, which are of the snapshot.

    If `unchanged` is given, the row of an existing user must satisfy it once it is locked. `more`
    are values of further columns. Rows are those of the new task.
    """
    new_owner = select(OWNER, literal(1, BigInteger), literal(1, Integer)).where(
        SET_OWNER, *conditions
    )
    below_the_quota = users.c.task_count < MAX_TASKS
    owner_row = (
        postgresql.insert(users)
        .from_select(["id", "revision", "task_count"], new_owner)
        .on_conflict_do_update(
            index_elements=[users.c.id],
            set_={"revision": users.c.revision + 1, "task_count": users.c.task_count + 1},
            # If the quota is reached, this returns no row, and no task is inserted below.
            where=below_the_quota if unchanged is None else below_the_quota & unchanged,
        )
        .returning(users.c.id, users.c.revision)
        .cte("owner_row")
    )
    values = {
        "user_id": owner_row.c.id,
        "id": TASK_ID,
        **NEW,
        "completed_at": case((NEW["completed"], func.now()), else_=null()),
        "revision": owner_row.c.revision,
        **more,
    }
    new_task = insert(tasks).from_select(list(values), select(*values.values()))
    return new_task.returning(*shown(tasks))


def _update_task() -> ClauseElement:
    """Return a statement that sets some fields of a task to the parameters in `NEW`.

    Rows are `(*task columns, as_expected)`. `as_expected` is whether the task had an expected
    revision. If it had not, or if the fields already had these values, the task is not changed.
    """
    locked = locked_task(LOCK_USER.cte("locked_owner"), *_new_values())
    differs = locked.c.differs
    new = {name: locked.c[f"new_{name}"] for name in NEW}
    owner_row = next_revision(locked, is_as_expected(locked) & differs, *new.values())
    values = {name: owner_row.c[column.name] for name, column in new.items()}
    changed = (
        update(tasks)
        .where(SET_OWNER, IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
        .values(
            **values,
            completed_at=case(
                (tasks.c.completed == values["completed"], tasks.c.completed_at),
                (values["completed"], owner_row.c.instant),
                else_=null(),
            ),
            revision=owner_row.c.revision,
            # A transaction that began earlier can commit later. `updated_at` must not decrease.
            updated_at=func.greatest(owner_row.c.instant, tasks.c.updated_at),
        )
        .returning(*COLUMNS)
        .cte("changed")
    )
    return union_all(
        select(*shown(changed), true().label("as_expected")),
        select(*shown(locked), is_as_expected(locked).label("as_expected")).where(
            ~(is_as_expected(locked) & differs)
        ),
    )


def _new_values() -> list[ColumnElement[Any]]:
    """Return each field after the change, as `new_…`, and whether one differs, as `differs`.

    A field that is not set keeps its value, which PostgreSQL neither compares nor reads.
    """
    is_day = is_for_a_day(tasks)
    is_set = {name: _is_set(name) for name in NEW}
    # A task without a due date, too, is not for a day.
    is_set["due_at"] = is_set["due_on"] = case((is_day, _is_set("due_on")), else_=_is_set("due_at"))
    before: dict[str, ColumnElement[Any]] = {name: tasks.c[name] for name in NEW}
    before["due_on"] = case((is_day, tasks.c.due_on), else_=null())
    values = [
        case((is_set[name], NEW[name]), else_=before[name]).label(f"new_{name}") for name in NEW
    ]
    # JSON has no equality.
    texts = {"extra": (cast(tasks.c.extra, Text), cast(NEW["extra"], Text))}
    compared = [(name, *texts.get(name, (before[name], NEW[name]))) for name in NEW]
    differs = or_(*(is_set[name] & old.is_distinct_from(new) for name, old, new in compared))
    return [*values, differs.label("differs")]


def _is_set(name: str) -> ColumnElement[bool]:
    return FIELDS.op("&")(literal_column(str(_BITS[name]), Integer)) != literal_column("0", Integer)


INSERT_TASK = insert_task()
UPDATE_TASK = _update_task()
SELECT_TASK = kept(tasks, *shown(tasks)).where(tasks.c.id == TASK_ID)
SELECT_TASKS = kept(tasks, *shown(tasks)).where(
    tasks.c.id == func.any(bindparam("task_ids", type_=ARRAY(Uuid)))
)

SELECT_USER = select(users.c.task_count, users.c.revision, users.c.epoch).where(SET_OWNER, HAS_DATA)
