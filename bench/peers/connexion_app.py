"""Connexion 3 with SQLAlchemy and PyJWT: contract-first, by `connexion.yaml`.

It follows "Quickstart", "Routing", "Security", "Lifespan" and "Validation" of
connexion.readthedocs.io, and the examples `jwt` and `sqlalchemy`, whose rows have a `dump` method.
Requests are validated; responses are not, which is the default.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import jwt
from connexion import AsyncApp, ConnexionMiddleware, request
from connexion.exceptions import BadRequestProblem, Unauthorized
from connexion.resolver import RelativeResolver
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from bench.peers.cursors import decode_cursor, encode_cursor
from bench.peers.tables import TaskRow, now

SECRET_KEY = os.environ["SECRET_KEY"]

HandlerResult: TypeAlias = dict[str, Any] | tuple[object, int]
NOT_FOUND = ({"detail": "Task not found"}, 404)


@asynccontextmanager
async def lifespan(_: ConnexionMiddleware) -> AsyncIterator[dict[str, object]]:
    """Open the engine's pool, and close it when the app stops."""
    pool_size = int(os.environ["POOL_SIZE"])
    engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=pool_size, max_overflow=0)
    yield {"sessions": async_sessionmaker(engine, expire_on_commit=False)}
    await engine.dispose()


def decode_token(token: str) -> dict[str, Any]:
    """Return the claims of a token. Raises `Unauthorized` for an invalid one."""
    try:
        return jwt.decode(token, SECRET_KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise Unauthorized from None


def new_session() -> AsyncSession:
    """Return a session for one request."""
    session: AsyncSession = request.state.sessions()
    return session


async def list_tasks(user: str, limit: int, cursor: str | None = None) -> HandlerResult:
    """Read one page of the user's tasks, newest first."""
    query = select(TaskRow).where(TaskRow.user_id == user)
    if cursor is not None:
        try:
            query = query.where(
                tuple_(TaskRow.created_at, TaskRow.id) < tuple_(*decode_cursor(cursor))
            )
        except ValueError:
            raise BadRequestProblem(detail="Not a cursor") from None
    query = query.order_by(TaskRow.created_at.desc(), TaskRow.id.desc()).limit(limit + 1)
    async with new_session() as session:
        tasks = (await session.scalars(query)).all()
    items = tasks[:limit]
    more = len(tasks) > limit
    next_cursor = encode_cursor(items[-1].created_at, items[-1].id) if more else None
    return {"items": [task.dump() for task in items], "next_cursor": next_cursor}


async def create_task(user: str, body: dict[str, Any]) -> HandlerResult:
    """Store a new task."""
    due_at = datetime.fromisoformat(body["due_at"]) if body.get("due_at") else None
    async with new_session() as session:
        task = TaskRow(user_id=user, **{**body, "due_at": due_at})
        session.add(task)
        await session.commit()
        return task.dump(), 201


async def get_task(user: str, task_id: str) -> HandlerResult:
    """Read a task."""
    async with new_session() as session:
        task = await session.get(TaskRow, (user, UUID(task_id)))
        return task.dump() if task is not None else NOT_FOUND


async def complete_task(user: str, task_id: str, body: dict[str, Any]) -> HandlerResult:
    """Set whether a task is completed."""
    async with new_session() as session:
        task = await session.get(TaskRow, (user, UUID(task_id)))
        if task is None:
            return NOT_FOUND
        task.completed = body["completed"]
        task.updated_at = now()
        task.completed_at = task.updated_at if task.completed else None
        task.revision += 1
        await session.commit()
        return task.dump()


app = AsyncApp(__name__, specification_dir=".", lifespan=lifespan)
app.add_api("connexion.yaml", resolver=RelativeResolver("bench.peers.connexion_app"))
