"""The requests that can have an idempotency key: how to perform each, and how to repeat it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import asdict
from quart import url_for

from ..database.driver.sessions import UserSession
from . import batches
from .etags import task_etag
from .idempotency import Outcome, StoredResponse
from .schemas import (
    CreateOperation,
    OperationResult,
    Task,
    TaskBatch,
    TaskBatchResult,
    TaskInput,
    UpdateOperation,
)
from .store import TaskStore


@dataclass(frozen=True, slots=True)
class Creation:
    """A request to create a task."""

    content: TaskInput
    max_tasks: int
    response: ClassVar = Task

    async def perform(self, session: UserSession) -> tuple[StoredResponse[Task], Outcome]:
        """Create the task."""
        task = await TaskStore(session).create(self.content, self.max_tasks)
        return _created(task), _outcome([task])

    async def repeat(self, session: UserSession, outcome: Outcome) -> StoredResponse[Task]:
        """Return the task as it was created, even if it has changed or was deleted since."""
        (id_, revision), created_at = outcome.created[0], outcome.created_at
        return _created(_as_created(self.content, session.user_id, id_, revision, created_at))


@dataclass(frozen=True, slots=True)
class Batch:
    """A request to run many operations in one transaction."""

    batch: TaskBatch
    max_tasks: int
    is_locked: bool = False
    """True if the transaction began by locking the user's row."""
    response: ClassVar = TaskBatchResult

    async def perform(
        self, session: UserSession
    ) -> tuple[StoredResponse[TaskBatchResult], Outcome]:
        """Run the operations, with the user's row locked."""
        store = TaskStore(session)
        if not self.is_locked:
            await store.lock()
        result = await batches.execute(store, self.batch.operations, self.max_tasks)
        created = [each.task for each in result.results if each.op == "create" and each.task]
        return StoredResponse({}, result), _outcome(created)

    async def repeat(
        self, session: UserSession, outcome: Outcome
    ) -> StoredResponse[TaskBatchResult]:
        """Return created tasks as they were created, and updated tasks as they are now."""
        operations, created = self.batch.operations, iter(outcome.created)
        updated = [each.id for each in operations if isinstance(each, UpdateOperation)]
        tasks = await TaskStore(session).get_all(updated)
        results = []
        for operation in operations:
            if isinstance(operation, CreateOperation):
                made, at = next(created), outcome.created_at
                task = _as_created(operation.task, session.user_id, *made, at)
                results.append(OperationResult("create", task.id, task))
            elif isinstance(operation, UpdateOperation):
                now = tasks.get(operation.id)
                results.append(OperationResult("update", operation.id, now))
            else:
                results.append(OperationResult("delete", operation.id, None))
        return StoredResponse({}, TaskBatchResult(results))


def _created(task: Task) -> StoredResponse[Task]:
    headers = {"Location": url_for("get_task", id=task.id), "ETag": task_etag(task.revision)}
    return StoredResponse(headers, task)


def _outcome(created: list[Task]) -> Outcome:
    if not created:
        return Outcome()
    return Outcome(created[0].created_at, [(task.id, task.revision) for task in created])


def _as_created(
    content: TaskInput, user_id: str, id_: UUID, revision: int, created_at: datetime | None
) -> Task:
    assert created_at is not None  # noqa: S101 - an outcome with tasks has a time
    return Task(
        **asdict(content) | {"due_at": content.due_at and content.due_at.astimezone(UTC)},
        id=id_,
        user_id=user_id,
        completed=False,
        completed_at=None,
        created_at=created_at,
        updated_at=created_at,
        revision=revision,
    )
