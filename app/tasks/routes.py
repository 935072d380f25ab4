"""The task operations. Paths, methods and checks come from the contract, by operationId."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from quart import Blueprint, current_app, url_for

from app.auth.require_user import require_user
from app.database.database import Database
from app.tasks.schemas import Completion, Me, Task, TaskInput, TaskPage
from app.tasks.store import TaskStore

blueprint = Blueprint("tasks", __name__)

MAX_TASKS_PER_USER = "MAX_TASKS_PER_USER"

_COMPLETED = {"pending": False, "completed": True}


@blueprint.endpoint("create_task")
@require_user
async def create_task(user_id: str, body: TaskInput) -> tuple[Task, int, dict[str, str]]:
    """Create a task."""
    async with _store(user_id) as store:
        task = await store.create(body, current_app.config[MAX_TASKS_PER_USER])
    return task, 201, {"Location": url_for("get_task", id=task.id)}


@blueprint.endpoint("list_tasks")
@require_user
async def list_tasks(user_id: str, status: str, limit: int, cursor: str | None) -> TaskPage:
    """List tasks."""
    async with _store(user_id) as store:
        return await store.page(completed=_COMPLETED.get(status), limit=limit, cursor=cursor)


@blueprint.endpoint("get_task")
@require_user
async def get_task(user_id: str, id: UUID) -> Task:
    """Read a task."""
    async with _store(user_id) as store:
        return await store.get(id)


@blueprint.endpoint("replace_task")
@require_user
async def replace_task(user_id: str, id: UUID, body: TaskInput) -> Task:
    """Replace a task."""
    async with _store(user_id) as store:
        return await store.replace(id, body)


@blueprint.endpoint("complete_task")
@require_user
async def complete_task(user_id: str, id: UUID, body: Completion) -> Task:
    """Complete or reopen a task."""
    async with _store(user_id) as store:
        return await store.complete(id, completed=body.completed)


@blueprint.endpoint("delete_task")
@require_user
async def delete_task(user_id: str, id: UUID) -> tuple[str, int]:
    """Delete a task."""
    async with _store(user_id) as store:
        await store.delete(id)
    return "", 204


@blueprint.endpoint("get_me")
@require_user
async def get_me(user_id: str) -> Me:
    """Tell how much is stored of the user."""
    async with _store(user_id) as store:
        return await store.summary(current_app.config[MAX_TASKS_PER_USER])


@blueprint.endpoint("delete_me")
@require_user
async def delete_me(user_id: str) -> tuple[str, int]:
    """Erase everything that is stored of the user."""
    async with _store(user_id) as store:
        await store.erase()
    return "", 204


@asynccontextmanager
async def _store(user_id: str) -> AsyncIterator[TaskStore]:
    """A store in a transaction: returning commits, raising rolls back."""
    database: Database = current_app.extensions[Database.EXTENSION]
    async with database.user_transaction(user_id) as connection:
        yield TaskStore(connection, user_id)
