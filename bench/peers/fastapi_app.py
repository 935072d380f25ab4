"""FastAPI with SQLModel, asyncpg and PyJWT.

It follows the tutorials "SQL (Relational) Databases" (fastapi.tiangolo.com/tutorial/sql-databases),
"FastAPI and Pydantic" of SQLModel (sqlmodel.tiangolo.com/tutorial/fastapi), and "OAuth2 with Bearer
with JWT tokens" (fastapi.tiangolo.com/tutorial/security/oauth2-jwt). Their session is synchronous;
this app uses SQLModel's own `AsyncSession`, which asyncpg needs.
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.security import OAuth2PasswordBearer
from jwt.exceptions import InvalidTokenError
from pydantic import AwareDatetime
from sqlalchemy import DateTime, tuple_
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.peers.cursors import decode_cursor, encode_cursor

SECRET_KEY = os.environ["SECRET_KEY"]
ALGORITHM = "HS256"

engine = create_async_engine(
    os.environ["DATABASE_URL"], pool_size=int(os.environ["POOL_SIZE"]), max_overflow=0
)
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
app = FastAPI()

Instant: Any = DateTime(timezone=True)


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class TaskBase(SQLModel):
    """The properties of a task that a client writes."""

    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=10000)
    due_at: AwareDatetime | None = Field(default=None, sa_type=Instant)


class Task(TaskBase, table=True):  # type: ignore[call-arg]
    """A row of the table of tasks."""

    __tablename__ = "tasks"

    user_id: str = Field(primary_key=True)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    completed: bool = False
    completed_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(default_factory=now, sa_type=Instant)
    updated_at: datetime = Field(default_factory=now, sa_type=Instant)
    revision: int = 1


class TaskCreate(TaskBase):
    """The body of a request that creates a task."""


class TaskPublic(TaskBase):
    """A task in a response."""

    id: UUID
    user_id: str
    completed: bool
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class TaskPage(SQLModel):
    """One page of a list."""

    items: list[TaskPublic]
    next_cursor: str | None


class Completion(SQLModel):
    """The body of a request that completes a task."""

    completed: bool


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield a session for one request."""
    async with AsyncSession(engine) as session:
        yield session


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> str:
    """Return the user of a token. Raises `HTTPException` for an invalid one."""
    credentials_exception = HTTPException(
        status_code=status.HTTP_401_UNAUTHORIZED,
        detail="Could not validate credentials",
        headers={"WWW-Authenticate": "Bearer"},
    )
    try:
        payload = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
    except InvalidTokenError:
        raise credentials_exception from None
    user: str | None = payload.get("sub")
    if user is None:
        raise credentials_exception
    return user


# "Early exit and scope" (fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield): by
# default, a session is kept until the response is sent, and others wait for its connection.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
UserDep = Annotated[str, Depends(get_current_user)]


@app.get("/api/tasks", response_model=TaskPage)
async def list_tasks(
    session: SessionDep,
    user: UserDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str | None = None,
) -> dict[str, object]:
    """Read one page of the user's tasks, newest first."""
    created_at, id_ = col(Task.created_at), col(Task.id)
    statement = select(Task).where(Task.user_id == user)
    if cursor is not None:
        try:
            statement = statement.where(tuple_(created_at, id_) < tuple_(*decode_cursor(cursor)))
        except ValueError:
            raise HTTPException(status_code=422, detail="Not a cursor") from None
    statement = statement.order_by(created_at.desc(), id_.desc()).limit(limit + 1)
    tasks = (await session.exec(statement)).all()
    items = tasks[:limit]
    more = len(tasks) > limit
    next_cursor = encode_cursor(items[-1].created_at, items[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@app.post("/api/tasks", response_model=TaskPublic, status_code=status.HTTP_201_CREATED)
async def create_task(session: SessionDep, user: UserDep, task: TaskCreate) -> Task:
    """Store a new task."""
    db_task = Task.model_validate(task, update={"user_id": user})
    session.add(db_task)
    await session.commit()
    await session.refresh(db_task)
    return db_task


@app.get("/api/tasks/{id}", response_model=TaskPublic)
async def get_task(session: SessionDep, user: UserDep, id: UUID) -> Task:
    """Read a task."""
    task = await session.get(Task, (user, id))
    if not task:
        raise HTTPException(status_code=404, detail="Task not found")
    return task


@app.patch("/api/tasks/{id}/complete", response_model=TaskPublic)
async def complete_task(
    session: SessionDep, user: UserDep, id: UUID, completion: Completion
) -> Task:
    """Set whether a task is completed."""
    task = await session.get(Task, (user, id))
    if not task:
        raise HTTPException(status_code=404, detail="Task not found")
    changed = {"updated_at": now(), "revision": task.revision + 1}
    changed["completed_at"] = changed["updated_at"] if completion.completed else None
    task.sqlmodel_update(completion.model_dump(), update=changed)
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task
