"""Typed carriers of the contract's schemas; a test holds the two together."""

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec


class TaskInput(msgspec.Struct, frozen=True):
    """What a person writes about a task."""

    title: str
    description: str | None = None
    due_at: datetime | None = None


class TaskPatch(msgspec.Struct, frozen=True):
    """What is to change of a task; what is unset stays as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    due_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    completed: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def fields(self) -> dict[str, object]:
        """The fields to set, and their values."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}


class Completion(msgspec.Struct, frozen=True):
    """Whether a task is completed."""

    completed: bool


class Task(msgspec.Struct, frozen=True):
    """A task, as it is stored. Times are in UTC."""

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


class TaskPage(msgspec.Struct, frozen=True):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Task]
    next_cursor: str | None


class CreateOperation(msgspec.Struct, frozen=True, tag_field="op", tag="create"):
    """Create a task."""

    task: TaskInput


class UpdateOperation(msgspec.Struct, frozen=True, tag_field="op", tag="update"):
    """Update a task; one of `revision`, if given."""

    id: UUID
    patch: TaskPatch
    revision: int | None = None


class DeleteOperation(msgspec.Struct, frozen=True, tag_field="op", tag="delete"):
    """Delete a task; one of `revision`, if given."""

    id: UUID
    revision: int | None = None


BatchOperation: TypeAlias = CreateOperation | UpdateOperation | DeleteOperation


class TaskBatch(msgspec.Struct, frozen=True):
    """Operations to carry out as one."""

    operations: list[BatchOperation]


class OperationResult(msgspec.Struct, frozen=True):
    """What one operation of a batch brought; `task` is null where it was deleted."""

    op: str
    id: UUID
    task: Task | None


class TaskBatchResult(msgspec.Struct, frozen=True):
    """What the operations of a batch brought, in their order."""

    results: list[OperationResult]


class Change(msgspec.Struct, frozen=True):
    """The last change of a task, which is null where it was deleted."""

    revision: int
    id: UUID
    deleted: bool
    task: Task | None


class ChangePage(msgspec.Struct, frozen=True):
    """Some changes, oldest first, and the token to go on with."""

    changes: list[Change]
    next: str
    has_more: bool


class Me(msgspec.Struct, frozen=True):
    """What is stored of a user."""

    user_id: str
    task_count: int
    max_tasks: int
    revision: int
