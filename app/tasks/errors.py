"""What can go wrong with a task."""


class InvalidCursorError(Exception):
    """The cursor was not made for this user, these filters and this sort."""


class ChangeTokenExpiredError(Exception):
    """What has changed since this token is not known any more, or never was."""


class TaskError(Exception):
    """An operation on a task cannot be carried out."""


class TaskNotFoundError(TaskError):
    """The user has no such task; whether another user has it is not told."""


class PreconditionFailedError(TaskError):
    """The task is not of a revision that the change may be made to."""


class TaskQuotaReachedError(TaskError):
    """The user has as many tasks as one user may have."""


class OperationError(Exception):
    """The operation at `index` of a batch cannot be carried out."""

    def __init__(self, index: int, error: TaskError) -> None:
        super().__init__(index, error)
        self.index = index
        self.error = error


class IdempotencyKeyInUseError(Exception):
    """A request with this key is still being carried out."""


class IdempotencyKeyReusedError(Exception):
    """The key came with another body before."""


class StorageBudgetReachedError(Exception):
    """The user may not store another idempotency key for `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotConfirmedError(Exception):
    """The id that confirms an erasure is not that of the token's user."""
