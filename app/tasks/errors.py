"""The errors of task operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..database.driver.errors import DatabaseUnavailableError
from .schemas import Task


class InvalidCursorError(Exception):
    """The cursor was not made for this user, these filters and this sort."""


class ChangeTokenExpiredError(Exception):
    """The changes since this token are no longer known, or the token is of another epoch."""


class TaskError(Exception):
    """An operation on a task failed."""


class TaskNotFoundError(TaskError):
    """The user has no such task. The error is the same if another user has it."""


class TaskDiffersError(TaskError):
    """The stored task is not as the client expects.

    `task` is the current task. It is None in a replayed response if it was deleted since.
    """

    def __init__(self, task: Task | None) -> None:
        super().__init__()
        self.task = task


class PreconditionFailedError(TaskDiffersError):
    """The task's revision is none of those that the client expects."""


class TaskExistsError(TaskDiffersError):
    """The user has another task with the id that the client made."""


class TaskDeletedError(TaskError):
    """The user has deleted the task with the id that the client made."""


class UndecidedError(DatabaseUnavailableError):
    """The user's data changed while a change waited. Repeat it with the user's row locked."""


class TaskQuotaReachedError(TaskError):
    """The user has the maximum number of tasks."""


class ExtraTooLargeError(TaskError):
    """The `extra` of the task would be too large after the change."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The operation at `index` (from 0) of a batch, on the task with this id, failed."""

    index: int
    id: UUID
    error: TaskError


class BatchError(Exception):
    """At least one operation of a batch failed.

    `changed` are the ids of the tasks that other operations changed before the batch is rolled
    back.
    """

    def __init__(self, failures: Sequence[Failure], changed: frozenset[UUID] = frozenset()) -> None:
        super().__init__(*failures)
        self.failures = failures
        self.changed = changed


class IdempotencyKeyInUseError(Exception):
    """Another request with this key is still running."""


class IdempotencyKeyReusedError(Exception):
    """The key was already used for another request."""


class StorageBudgetReachedError(Exception):
    """The user cannot store another idempotency key for `seconds` seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotConfirmedError(Exception):
    """The id that confirms an erasure is not that of the token's user."""
