"""The SQL of the store, built once. Every statement is about the rows of one `owner`.

A change takes the user's next revision in the same statement, under the lock of the user's row.
That row is always locked before a task's, so two changes cannot deadlock.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Insert,
    Integer,
    Text,
    Update,
    Uuid,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql

from app.tasks.models import tasks, users
from app.tasks.schemas import Task

OWNER = bindparam("owner", type_=Text)
TASK_ID = bindparam("task_id", type_=Uuid)
NEW_TITLE = bindparam("new_title", type_=Text)
NEW_DESCRIPTION = bindparam("new_description", type_=Text)
NEW_DUE_AT = bindparam("new_due_at", type_=DateTime(timezone=True))
NEW_COMPLETED = bindparam("new_completed", type_=Boolean)
MAX_TASKS = bindparam("max_tasks", type_=Integer)

COLUMNS = [tasks.c[name] for name in Task.__struct_fields__]
_IS_THE_TASK = (tasks.c.user_id == OWNER) & (tasks.c.id == TASK_ID)
_WOULD_CHANGE = tasks.c.completed != NEW_COMPLETED


def _next_revision(condition: ColumnElement[bool], tasks_made: int = 0) -> CTE:
    """Take the next revision of the owner if such a task exists, and count the tasks."""
    return (
        update(users)
        .where(users.c.id == OWNER, exists().where(condition))
        .values(
            revision=users.c.revision + 1,
            # Of two deletions of a user's last task one waits here, and finds nothing afterwards;
            # until it is rolled back for that, the count must not fall below zero.
            task_count=func.greatest(users.c.task_count + literal(tasks_made, Integer), 0),
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
        "title": NEW_TITLE,
        "description": NEW_DESCRIPTION,
        "due_at": NEW_DUE_AT,
        "revision": owner_row.c.revision,
    }
    return insert(tasks).from_select(list(values), select(*values.values())).returning(*COLUMNS)


def _update_task(condition: ColumnElement[bool], **values: ColumnElement[Any]) -> Update:
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
    owner_row = _next_revision(_IS_THE_TASK, tasks_made=-1)
    return delete(tasks).where(_IS_THE_TASK, tasks.c.user_id == owner_row.c.id).returning(*COLUMNS)


INSERT_TASK = _insert_task()
SELECT_TASK = select(*COLUMNS).where(_IS_THE_TASK)
UPDATE_CONTENT = _update_task(
    _IS_THE_TASK, title=NEW_TITLE, description=NEW_DESCRIPTION, due_at=NEW_DUE_AT
)
UPDATE_COMPLETED = _update_task(
    _IS_THE_TASK & _WOULD_CHANGE,
    completed=NEW_COMPLETED,
    completed_at=case((NEW_COMPLETED, func.now()), else_=null()),
)
DELETE_TASK = _delete_task()

SELECT_USER = select(users.c.task_count, users.c.revision).where(users.c.id == OWNER)
# The tasks go with the user's row: their foreign key cascades.
DELETE_USER = delete(users).where(users.c.id == OWNER).returning(users.c.id)


@cache
def select_page(*, filtered: bool, continued: bool) -> Executable:
    """Select a page, newest first: of one state if `filtered`, after a position if `continued`."""
    statement = select(*COLUMNS).where(tasks.c.user_id == OWNER)
    if filtered:
        statement = statement.where(tasks.c.completed == bindparam("completed", type_=Boolean))
    if continued:
        after = tuple_(
            bindparam("after_created_at", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid),
        )
        statement = statement.where(tuple_(tasks.c.created_at, tasks.c.id) < after)
    return statement.order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(
        bindparam("row_limit", type_=BigInteger)
    )
