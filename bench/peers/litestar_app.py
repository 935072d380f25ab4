"""Litestar with SQLAlchemy, msgspec and its own JWT backend.

It follows "SQLAlchemy Init Plugin" (docs.litestar.dev/2/usage/databases/sqlalchemy/plugins), the
tutorial "Working with Controllers and Repositories" for the settings of its session, and "JWT
Security Backends" (docs.litestar.dev/2/usage/security/jwt.html).
"""

import os
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec
from advanced_alchemy.extensions.litestar import (
    AsyncSessionConfig,
    EngineConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemyInitPlugin,
)
from litestar import Litestar, Request, get, patch, post
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import Parameter
from litestar.security.jwt import JWTAuth, Token
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers.cursors import decode_cursor, encode_cursor
from bench.peers.tables import TaskRow, now


class TaskCreate(msgspec.Struct):
    """The body of a request that creates a task."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    description: Annotated[str, msgspec.Meta(max_length=10000)] | None = None
    due_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Task(msgspec.Struct):
    """A task in a response."""

    id: UUID
    user_id: str
    title: str
    description: str | None
    due_at: datetime | None
    completed: bool
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class TaskPage(msgspec.Struct):
    """One page of a list."""

    items: list[Task]
    next_cursor: str | None


class Completion(msgspec.Struct):
    """The body of a request that completes a task."""

    completed: bool


class User(msgspec.Struct):
    """The user of a request."""

    id: str


UserRequest: TypeAlias = Request[User, Token, Any]


async def retrieve_user_handler(
    token: Token, _: "ASGIConnection[Any, Any, Any, Any]"
) -> User | None:
    """Return the user of a token."""
    return User(id=token.sub)


async def find(db_session: AsyncSession, user: User, id_: UUID) -> TaskRow:
    """Return a task of a user. Raises `NotFoundException` if there is none."""
    task = await db_session.get(TaskRow, (user.id, id_))
    if task is None:
        raise NotFoundException(detail="Task not found")
    return task


@get("/api/tasks")
async def list_tasks(
    request: UserRequest,
    db_session: AsyncSession,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 50,
    cursor: str | None = None,
) -> TaskPage:
    """Read one page of the user's tasks, newest first."""
    created_at, id_ = TaskRow.created_at, TaskRow.id
    query = select(TaskRow).where(TaskRow.user_id == request.user.id)
    if cursor is not None:
        try:
            query = query.where(tuple_(created_at, id_) < tuple_(*decode_cursor(cursor)))
        except ValueError:
            raise ValidationException(detail="Not a cursor") from None
    query = query.order_by(created_at.desc(), id_.desc()).limit(limit + 1)
    tasks = (await db_session.scalars(query)).all()
    items = msgspec.convert(tasks[:limit], list[Task], from_attributes=True)
    more = len(tasks) > limit
    return TaskPage(items, encode_cursor(items[-1].created_at, items[-1].id) if more else None)


@post("/api/tasks")
async def create_task(request: UserRequest, db_session: AsyncSession, data: TaskCreate) -> Task:
    """Store a new task."""
    task = TaskRow(user_id=request.user.id, **msgspec.structs.asdict(data))
    db_session.add(task)
    await db_session.commit()
    return msgspec.convert(task, Task, from_attributes=True)


@get("/api/tasks/{task_id:uuid}")
async def get_task(request: UserRequest, db_session: AsyncSession, task_id: UUID) -> Task:
    """Read a task."""
    task = await find(db_session, request.user, task_id)
    return msgspec.convert(task, Task, from_attributes=True)


@patch("/api/tasks/{task_id:uuid}/complete")
async def complete_task(
    request: UserRequest, db_session: AsyncSession, task_id: UUID, data: Completion
) -> Task:
    """Set whether a task is completed."""
    task = await find(db_session, request.user, task_id)
    task.completed = data.completed
    task.updated_at = now()
    task.completed_at = task.updated_at if data.completed else None
    task.revision += 1
    await db_session.commit()
    return msgspec.convert(task, Task, from_attributes=True)


jwt_auth = JWTAuth[User](
    retrieve_user_handler=retrieve_user_handler,
    token_secret=os.environ["SECRET_KEY"],
    exclude=["/schema"],
)

sqlalchemy_config = SQLAlchemyAsyncConfig(
    connection_string=os.environ["DATABASE_URL"],
    engine_config=EngineConfig(pool_size=int(os.environ["POOL_SIZE"]), max_overflow=0),
    session_config=AsyncSessionConfig(expire_on_commit=False),
)

app = Litestar(
    route_handlers=[list_tasks, create_task, get_task, complete_task],
    on_app_init=[jwt_auth.on_app_init],
    plugins=[SQLAlchemyInitPlugin(config=sqlalchemy_config)],
)
