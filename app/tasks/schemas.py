"""Structs for the contract's schemas. The app does not start if the two differ."""

from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

NO_EXTRA = msgspec.Raw(b"{}")

DEFAULTS: dict[str, object] = {
    "due_on": None,
    "labels": [],
    "priority": "none",
    "position": None,
    "extra": {},
}
"""What a task has in the fields that are absent when it is created or replaced."""


def _set_fields(struct: msgspec.Struct) -> dict[str, object]:
    values: dict[str, object] = msgspec.structs.asdict(struct)
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


class TaskContent(msgspec.Struct, frozen=True):
    """The fields of a task that a client writes.

    Fields that version 0.2 does not have are unset if they are absent: then the encoding, and so
    the fingerprint of a request with an idempotency key, is the same as in that version.
    """

    title: str
    description: str | None = None
    due_at: datetime | None = None
    due_on: date | msgspec.UnsetType | None = msgspec.UNSET
    labels: list[str] | msgspec.UnsetType = msgspec.UNSET
    priority: str | msgspec.UnsetType = msgspec.UNSET
    position: str | msgspec.UnsetType | None = msgspec.UNSET
    extra: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET

    @property
    def fields(self) -> dict[str, object]:
        """The value of each field, with the defaults of absent ones."""
        return {**DEFAULTS, **_set_fields(self)}


class TaskInput(TaskContent, frozen=True):
    """The fields of a task that a client sends to create it, and its id if the client made it."""

    completed: bool | msgspec.UnsetType = msgspec.UNSET
    id: UUID | msgspec.UnsetType = msgspec.UNSET

    @property
    def fields(self) -> dict[str, object]:
        """The value of each field, with the defaults of absent ones."""
        fields = {**DEFAULTS, "completed": False, **_set_fields(self)}
        fields.pop("id", None)
        return fields


class TaskReplacement(TaskContent, frozen=True):
    """The fields of a task that a client sends to replace it."""


class TaskPatch(msgspec.Struct, frozen=True):
    """The fields of a task to change. A field that is unset keeps its value."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    due_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    due_on: date | msgspec.UnsetType | None = msgspec.UNSET
    labels: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    priority: str | msgspec.UnsetType = msgspec.UNSET
    position: str | msgspec.UnsetType | None = msgspec.UNSET
    extra: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    completed: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def fields(self) -> dict[str, object]:
        """The fields to set, and their values. Without `extra` if that is empty: it is merged."""
        fields = _set_fields(self)
        if fields.get("labels", ...) is None:
            fields["labels"] = DEFAULTS["labels"]
        if fields.get("extra") == {}:
            del fields["extra"]
        return fields


class Completion(msgspec.Struct, frozen=True):
    """The body that completes or reopens a task."""

    completed: bool


class Task(msgspec.Struct, frozen=True):
    """A stored task. Times are in UTC."""

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
    # The fields that version 0.2 does not have. The defaults are for the responses that it stored.
    due_on: date | None = None
    labels: list[str] = []
    priority: str = "none"
    position: str | None = None
    extra: msgspec.Raw = NO_EXTRA
    """JSON, so that a list does not parse it."""


class TaskPage(msgspec.Struct, frozen=True):
    """One page of a list. `next_cursor` is None on the last page."""

    items: list[Task]
    next_cursor: str | None


class CreateOperation(msgspec.Struct, frozen=True, tag_field="op", tag="create"):
    """Create a task."""

    task: TaskInput


class UpdateOperation(msgspec.Struct, frozen=True, tag_field="op", tag="update"):
    """Update a task. If `revision` is set, the task must have it."""

    id: UUID
    patch: TaskPatch
    revision: int | None = None


class DeleteOperation(msgspec.Struct, frozen=True, tag_field="op", tag="delete"):
    """Delete a task. If `revision` is set, the task must have it."""

    id: UUID
    revision: int | None = None


class RestoreOperation(msgspec.Struct, frozen=True, tag_field="op", tag="restore"):
    """Restore a deleted task."""

    id: UUID


BatchOperation: TypeAlias = CreateOperation | UpdateOperation | DeleteOperation | RestoreOperation


class TaskBatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Operations to run in one transaction: all of them or none, or each on its own."""

    operations: list[BatchOperation]
    mode: Literal["all", "each"] = "all"


class OperationResult(msgspec.Struct, frozen=True):
    """The result of one operation of a batch: its task, or a problem document.

    `task` is None if it is deleted.
    """

    op: str
    id: UUID
    status: int
    task: Task | msgspec.UnsetType | None = msgspec.UNSET
    problem: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class TaskBatchResult(msgspec.Struct, frozen=True):
    """The results of a batch, in the order of its operations."""

    results: list[OperationResult]


class Change(msgspec.Struct, frozen=True):
    """The last change of a task. `task` is None if it was deleted."""

    revision: int
    id: UUID
    deleted: bool
    task: Task | None


class ChangePage(msgspec.Struct, frozen=True):
    """A page of changes, oldest first. `next` is the token for the next request."""

    changes: list[Change]
    next: str
    has_more: bool


class Me(msgspec.Struct, frozen=True):
    """How much data a user has, and the user's last revision."""

    user_id: str
    task_count: int
    max_tasks: int
    revision: int
    pending_count: int
    completed_count: int
    deleted_count: int
    """The number of deleted tasks that can be restored."""
