"""The SQL of single tasks, built once. Every statement is about the rows of one `owner`.

A change takes the user's next revision in the same statement, under the lock of the user's row.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Insert,
    Integer,
    Text,
    Uuid,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from app.tasks.models import tasks, tombstones, users
from app.tasks.schemas import Task

OWNER = bindparam("owner", type_=Text)
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
_IS_AS_EXPECTED = EXPECTED_REVISIONS.is_(null()) | (
    tasks.c.revision == func.any(EXPECTED_REVISIONS)
)


def _next_revision(condition: ColumnElement[bool], tasks_made: int = 0) -> CTE:
    """Take the next revision of the owner if such a task exists, and count the tasks."""
    return (
        update(users)
        .where(users.c.id == OWNER, exists().where(condition))
        .values(
            revision=users.c.revision + 1,
            task_count=users.c.task_count + literal(tasks_made, Integer),
        )
        .returning(users.c.id, users.c.revision)
        .cte("owner_row")
    )


def _insert_task() -> Insert:
    owner_row = (
        postgresql.insert(users)
        .values(id=OWNER, revision=1, task_count=1)
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
def update_task(fields: frozenset[str]) -> Executable:
    """Set these fields of a task to `NEW`; a task that already is so is not touched."""
    values: dict[str, ColumnElement[Any]] = {name: NEW[name] for name in sorted(fields)}
    differs = or_(*(tasks.c[name].is_distinct_from(value) for name, value in values.items()))
    condition = _IS_THE_TASK & _IS_AS_EXPECTED & differs
    if "completed" in fields:
        values["completed_at"] = case(
            (tasks.c.completed == NEW["completed"], tasks.c.completed_at),
            (NEW["completed"], func.now()),
            else_=null(),
        )
    owner_row = _next_revision(condition)
    return (
        update(tasks)
        .where(condition, tasks.c.user_id == owner_row.c.id)
        .values(
            **values,
            revision=owner_row.c.revision,
            # A transaction that began earlier can commit later; time must not run backwards.
            updated_at=func.greatest(func.now(), tasks.c.updated_at),
        )
        .returning(*COLUMNS)
    )


def _delete_task() -> Executable:
    condition = _IS_THE_TASK & _IS_AS_EXPECTED
    owner_row = _next_revision(condition, tasks_made=-1)
    deleted = (
        delete(tasks)
        .where(condition, tasks.c.user_id == owner_row.c.id)
        .returning(tasks.c.user_id, tasks.c.id)
        .cte("deleted")
    )
    tombstone = select(owner_row.c.id, deleted.c.id, owner_row.c.revision).where(
        deleted.c.user_id == owner_row.c.id
    )
    return (
        insert(tombstones)
        .from_select(["user_id", "id", "revision"], tombstone)
        .returning(tombstones.c.id)
    )


INSERT_TASK = _insert_task()
SELECT_TASK = select(*COLUMNS).where(_IS_THE_TASK)
DELETE_TASK = _delete_task()

SELECT_USER = select(users.c.task_count, users.c.revision, users.c.epoch).where(users.c.id == OWNER)
# The tasks go with the user's row: their foreign key cascades.
DELETE_USER = delete(users).where(users.c.id == OWNER).returning(users.c.id)
