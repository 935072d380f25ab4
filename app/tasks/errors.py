"""The errors of task operations."""


class InvalidCursorError(Exception):
    """The cursor was not made for this user, these filters and this sort."""


class ChangeTokenExpiredError(Exception):
    """The changes since this token are no longer known, or the token is of another epoch."""


class TaskError(Exception):
    """An operation on a task failed."""


class TaskNotFoundError(TaskError):
    """The user has no such task. The error is the same if another user has it."""


class PreconditionFailedError(TaskError):
    """The task's revision is none of those that the client expects."""


class TaskQuotaReachedError(TaskError):
    """The user has the maximum number of tasks."""


class OperationError(Exception):
    """The operation at `index` (from 0) of a batch failed with `error`."""

    def __init__(self, index: int, error: TaskError) -> None:
        super().__init__(index, error)
        self.index = index
        self.error = error


class IdempotencyKeyInUseError(Exception):
    """Another request with this key is still running."""


class IdempotencyKeyReusedError(Exception):
    """The key was already used with another body."""


class StorageBudgetReachedError(Exception):
    """The user cannot store another idempotency key for `seconds` seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotConfirmedError(Exception):
    """The id that confirms an erasure is not that of the token's user."""
