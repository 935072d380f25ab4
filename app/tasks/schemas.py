"""Typed carriers of the contract's schemas; a test holds the two together."""

from datetime import datetime
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


class Me(msgspec.Struct, frozen=True):
    """What is stored of a user."""

    user_id: str
    task_count: int
    max_tasks: int
    revision: int
