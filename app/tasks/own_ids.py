"""Create tasks under ids that clients made. Repeating such a create never makes a second task.

One statement creates the task, unless the id is in use. It checks that before it waits for the lock
of the user's row. So it creates nothing if the user's data changed while it waited, and the caller
repeats it in a transaction that begins with the lock.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    select,
    tuple_,
)

from ..database.driver.sessions import UserSession
from ..database.driver.statements import OWNER, SET_OWNER
from .errors import (
    TaskDeletedError,
    TaskExistsError,
    TaskQuotaReachedError,
    UndecidedError,
)
from .fields import shown
from .models import tasks, tombstones, users
from .rows import IS_THE_OWNER, is_erased, is_kept, task_of
from .schemas import DEFAULTS, Task, TaskInput
from .statements import TASK_ID, insert_task, new_values

_DEFAULTS = {**DEFAULTS, "description": None, "due_at": None, "completed": False}
_FIELDS = ("title", *_DEFAULTS)
_TABLES = (tasks, tombstones)


def _has_the_id(table: Table) -> ColumnElement[bool]:
    return and_(table.c.user_id == OWNER, table.c.id == TASK_ID)


_snapshot = users.alias("snapshot")
INSERT_OWN_TASK = insert_task(
    # Each subquery sets the owner itself, because PostgreSQL can evaluate it first.
    *(~exists().where(SET_OWNER, _has_the_id(table)) for table in _TABLES),
    unchanged=tuple_(users.c.epoch, users.c.revision)
    == select(_snapshot.c.epoch, _snapshot.c.revision)
    .where(SET_OWNER, _snapshot.c.id == OWNER)
    .scalar_subquery(),
    fingerprint=bindparam("fingerprint", type_=LargeBinary),
)
SELECT_USE = (
    select(
        *shown(tasks),
        tasks.c.fingerprint,
        is_kept(tasks, users.c.erased_revision).label("is_a_task"),
        is_kept(tombstones, users.c.erased_revision).label("is_deleted"),
        users.c.task_count,
    )
    .select_from(
        users.outerjoin(tasks, _has_the_id(tasks)).outerjoin(tombstones, _has_the_id(tombstones))
    )
    .where(SET_OWNER, IS_THE_OWNER)
)
DELETE_ERASED = tuple(
    delete(table).where(SET_OWNER, _has_the_id(table), is_erased(table)).returning(table.c.id)
    for table in _TABLES
)


async def create(
    session: UserSession, id_: UUID, content: TaskInput, max_tasks: int
) -> tuple[Task, bool]:
    """Create a task, or return the one that exists. Return it, and whether it is new.

    A task that was created with this content, or has it now, is returned. Raises `TaskExistsError`
    for any other task, `TaskDeletedError`, `TaskQuotaReachedError`, and `UndecidedError` if the
    user's data changed at the same time, unless the user's row is locked.
    """
    fingerprint = fingerprint_of(content.fields)
    values = new_values(content.fields)
    for _ in range(2):
        rows = await session.change(
            INSERT_OWN_TASK,
            task_id=id_,
            max_tasks=max_tasks,
            fingerprint=fingerprint,
            **values,
        )
        if rows:
            return task_of(rows[0]), True
        rows = await session.read(SELECT_USE, task_id=id_)
        if rows and rows[0]["is_a_task"]:
            return _same(rows[0], fingerprint), False
        if rows and rows[0]["is_deleted"]:
            raise TaskDeletedError
        if rows and rows[0]["task_count"] >= max_tasks:
            raise TaskQuotaReachedError
        # What an erasure has left under this id is in the way.
        erased = [await session.change(each, task_id=id_) for each in DELETE_ERASED]
        if not any(erased):
            break
    raise UndecidedError


def _same(row: asyncpg.Record, fingerprint: bytes) -> Task:
    task = task_of(row)
    fields = {name: getattr(task, name) for name in _FIELDS}
    now = {**fields, "extra": msgspec.json.decode(task.extra)}
    if fingerprint not in (row["fingerprint"], fingerprint_of(now)):
        raise TaskExistsError(task)
    return task


def fingerprint_of(fields: Mapping[str, object]) -> bytes:
    """Return a hash of the content of a task.

    It leaves out what has its default, so that it stays the same when tasks get more fields.
    """
    written = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in fields.items()
        if name not in _DEFAULTS or value != _DEFAULTS[name]
    }
    return hashlib.sha256(msgspec.json.encode(written, order="deterministic")).digest()
