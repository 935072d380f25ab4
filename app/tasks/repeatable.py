"""The requests that can have an idempotency key: how to perform each, and how to repeat it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, cast
from uuid import UUID

import msgspec
from quart import url_for

from ..database.driver.sessions import UserSession
from .errors import TaskDeletedError, TaskNotFoundError
from .etags import task_etag
from .idempotency import Outcome, StoredResponse
from .schemas import Task, TaskInput
from .store import TaskStore


@dataclass(frozen=True, slots=True)
class Creation:
    """A request to create a task."""

    content: TaskInput
    max_tasks: int
    response: ClassVar = Task
    locks: ClassVar = False

    async def perform(self, session: UserSession) -> tuple[StoredResponse[Task], Outcome]:
        """Create the task."""
        task, is_new = await TaskStore(session).create_once(self.content, self.max_tasks)
        if is_new:
            return _created(task), outcome_of([task])
        return _shown(task), Outcome()

    async def repeat(self, session: UserSession, outcome: Outcome) -> StoredResponse[Task]:
        """Return the task as it was created, even if it has changed or was deleted since.

        A task that existed before is returned as it is now. Raises `TaskDeletedError`.
        """
        if not outcome.created:
            try:
                return _shown(await TaskStore(session).get(cast(UUID, self.content.id)))
            except TaskNotFoundError:
                raise TaskDeletedError from None
        (id_, revision), created_at = outcome.created[0], outcome.created_at
        return _created(as_created(self.content, session.user_id, id_, revision, created_at))


@dataclass(frozen=True, slots=True)
class Update:
    """A request to set fields of a task."""

    id: UUID
    fields: Mapping[str, object]
    expected: list[int] | None
    response: ClassVar = Task

    @property
    def locks(self) -> bool:
        """False: one statement makes the change."""
        return False

    async def perform(self, session: UserSession) -> tuple[StoredResponse[Task], Outcome]:
        """Update the task."""
        task = await TaskStore(session).update(self.id, self.fields, self.expected)
        return _shown(task), Outcome()

    async def repeat(self, session: UserSession, outcome: Outcome) -> StoredResponse[Task]:  # noqa: ARG002
        """Return the task as it is now. Raises `TaskNotFoundError` if it was deleted since."""
        return _shown(await TaskStore(session).get(self.id))


class Patch(Update):
    """A request to set fields of a task, and to merge `extra`."""

    __slots__ = ()

    @property
    def locks(self) -> bool:
        """True if `extra` must not change between reading and writing it."""
        return "extra" in self.fields

    async def perform(self, session: UserSession) -> tuple[StoredResponse[Task], Outcome]:
        """Update the task."""
        task = await TaskStore(session).patch(self.id, self.fields, self.expected)
        return _shown(task), Outcome()


@dataclass(frozen=True, slots=True)
class Deletion:
    """A request to delete a task."""

    id: UUID
    expected: list[int] | None
    response: ClassVar = type(None)
    locks: ClassVar = False

    async def perform(self, session: UserSession) -> tuple[StoredResponse[None], Outcome]:
        """Delete the task."""
        await TaskStore(session).delete(self.id, self.expected)
        return StoredResponse({}, None), Outcome()

    async def repeat(self, session: UserSession, outcome: Outcome) -> StoredResponse[None]:  # noqa: ARG002
        """Return the same again."""
        return StoredResponse({}, None)


@dataclass(frozen=True, slots=True)
class Restoration:
    """A request to restore a deleted task."""

    id: UUID
    max_tasks: int
    expected: list[int] | None
    response: ClassVar = Task
    locks: ClassVar = True

    async def perform(self, session: UserSession) -> tuple[StoredResponse[Task], Outcome]:
        """Restore the task."""
        task = await TaskStore(session).restore(self.id, self.max_tasks, self.expected)
        return _shown(task), Outcome()

    async def repeat(self, session: UserSession, outcome: Outcome) -> StoredResponse[Task]:  # noqa: ARG002
        """Return the task as it is now. Raises `TaskNotFoundError` if it was deleted since."""
        return _shown(await TaskStore(session).get(self.id))


def _shown(task: Task) -> StoredResponse[Task]:
    return StoredResponse({"ETag": task_etag(task.revision)}, task)


def _created(task: Task) -> StoredResponse[Task]:
    headers = {"Location": url_for("get_task", id=task.id), "ETag": task_etag(task.revision)}
    return StoredResponse(headers, task, 201)


def outcome_of(created: list[Task]) -> Outcome:
    """Return the outcome of a request that created these tasks."""
    if not created:
        return Outcome()
    return Outcome(created[0].created_at, [(task.id, task.revision) for task in created])


def as_created(
    content: TaskInput, user_id: str, id_: UUID, revision: int, created_at: datetime | None
) -> Task:
    """Return a task as it was when it was created."""
    assert created_at is not None  # noqa: S101 - an outcome with tasks has a time
    fields: dict[str, Any] = content.fields
    return Task(
        **fields
        | {
            "due_at": content.due_at and content.due_at.astimezone(UTC),
            "extra": msgspec.Raw(msgspec.json.encode(fields["extra"])),
        },
        id=id_,
        user_id=user_id,
        completed_at=created_at if fields["completed"] else None,
        created_at=created_at,
        updated_at=created_at,
        revision=revision,
    )
