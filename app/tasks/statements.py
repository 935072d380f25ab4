"""The SQL of single tasks, built once. Every statement is about the rows of one `owner`.

A change takes the user's next revision in the same statement, under the lock of the user's row.
A statement does not see what others changed while it waited for that lock; but a row that it locks
itself it gets as it is by then. So it locks the task, too, and decides on what it has locked.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    BindParameter,
    Boolean,
    ClauseElement,
    ColumnElement,
    DateTime,
    Insert,
    Integer,
    Text,
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

from app.database.statements import NAMES_THE_OWNER, OWNER
from app.tasks.models import tasks, tombstones, users
from app.tasks.schemas import Task

TASK_ID = bindparam("task_id", type_=Uuid)
MAX_TASKS = bindparam("max_tasks", type_=Integer)
EXPECTED_REVISIONS = bindparam("expected_revisions", type_=ARRAY(BigInteger))
NEW: dict[str, BindParameter[Any]] = {
    "title": bindparam("new_title", type_=Text),
    "description": bindparam("new_description", type_=Text),
    "due_at": bindparam("new_due_at", type_=DateTime(timezone=True)),
    "completed": bindparam("new_completed", type_=Boolean),
}
"""The fields that a person can change."""

COLUMNS = [tasks.c[name] for name in Task.__struct_fields__]
_IS_THE_TASK = (tasks.c.user_id == OWNER) & (tasks.c.id == TASK_ID)
_IS_THE_OWNER = users.c.id == OWNER


def _locked_task() -> CTE:
    """The task as it is once the owner's row, and then its own, is locked."""
    locked_owner = (
        select(users.c.id)
        .where(NAMES_THE_OWNER, _IS_THE_OWNER)
        .with_for_update(key_share=True)
        .cte("locked_owner")
    )
    return (
        select(*COLUMNS, func.now().label("instant"))
        .where(NAMES_THE_OWNER, _IS_THE_TASK, tasks.c.user_id == locked_owner.c.id)
        .with_for_update(key_share=True, of=tasks)
        .cte("locked")
    )


def _is_as_expected(locked: CTE) -> ColumnElement[bool]:
    return EXPECTED_REVISIONS.is_(null()) | (locked.c.revision == func.any(EXPECTED_REVISIONS))


def _next_revision(locked: CTE, condition: ColumnElement[bool], tasks_made: int = 0) -> CTE:
    """Take the next revision of the owner if the locked task is to be changed; count the tasks."""
    return (
        update(users)
        .where(NAMES_THE_OWNER, _IS_THE_OWNER, users.c.id == locked.c.user_id, condition)
        .values(
            revision=users.c.revision + 1,
            task_count=users.c.task_count + literal(tasks_made, Integer),
        )
        .returning(users.c.id, users.c.revision, locked.c.instant)
        .cte("owner_row")
    )


def _insert_task() -> Insert:
    new_owner = select(OWNER, literal(1, BigInteger), literal(1, Integer)).where(NAMES_THE_OWNER)
    owner_row = (
        postgresql.insert(users)
        .from_select(["id", "revision", "task_count"], new_owner)
        .on_conflict_do_update(
            index_elements=[users.c.id],
            set_={"revision": users.c.revision + 1, "task_count": users.c.task_count + 1},
            # Without a row of the user, no task is inserted below.
            where=users.c.task_count < MAX_TASKS,
        )
        .returning(users.c.id, users.c.revision)
        .cte("owner_row")
    )
    values = {
        "user_id": owner_row.c.id,
        "id": TASK_ID,
        "title": NEW["title"],
        "description": NEW["description"],
        "due_at": NEW["due_at"],
        "revision": owner_row.c.revision,
    }
    return insert(tasks).from_select(list(values), select(*values.values())).returning(*COLUMNS)


@cache
def update_task(fields: frozenset[str]) -> ClauseElement:
    """Set these fields of a task to `NEW`; a task that already is so is not touched.

    Answers the task and whether it was of an expected revision: if not, it is not touched either.
    """
    locked = _locked_task()
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
        .where(NAMES_THE_OWNER, _IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
        .values(
            **values,
            revision=owner_row.c.revision,
            # A transaction that began earlier can commit later; time must not run backwards.
            updated_at=func.greatest(owner_row.c.instant, tasks.c.updated_at),
        )
        .returning(*COLUMNS)
        .cte("changed")
    )
    before = [locked.c[column.name] for column in COLUMNS]
    return union_all(
        select(*changed.c, true()),
        select(*before, _is_as_expected(locked)).where(~(_is_as_expected(locked) & differs)),
    )


def _delete_task() -> Insert:
    """Delete a task of an expected revision, and bury it; answers its id where it did."""
    locked = _locked_task()
    owner_row = _next_revision(locked, _is_as_expected(locked), tasks_made=-1)
    deleted = (
        delete(tasks)
        .where(NAMES_THE_OWNER, _IS_THE_TASK, tasks.c.user_id == owner_row.c.id)
        .returning(tasks.c.user_id, tasks.c.id)
        .cte("deleted")
    )
    tombstone = select(owner_row.c.id, deleted.c.id, owner_row.c.revision).where(
        deleted.c.user_id == owner_row.c.id
    )
    # Not within another statement: Citus has no way to carry that out on one machine.
    buried = insert(tombstones).from_select(["user_id", "id", "revision"], tombstone)
    return buried.returning(tombstones.c.id)


INSERT_TASK = _insert_task()
SELECT_TASK = select(*COLUMNS).where(NAMES_THE_OWNER, _IS_THE_TASK)
DELETE_TASK = _delete_task()

SELECT_USER = select(users.c.task_count, users.c.revision, users.c.epoch).where(
    NAMES_THE_OWNER, _IS_THE_OWNER
)
# The tasks go with the user's row: their foreign key cascades.
DELETE_USER = delete(users).where(NAMES_THE_OWNER, _IS_THE_OWNER).returning(users.c.id)
