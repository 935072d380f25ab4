"""What can go wrong with a task."""


class TaskNotFoundError(Exception):
    """The user has no such task; whether another user has it is not told."""


class InvalidCursorError(Exception):
    """The cursor was not made for this user, these filters and this sort."""


class PreconditionFailedError(Exception):
    """The task is not of a revision that the change may be made to."""


class TaskQuotaReachedError(Exception):
    """The user has as many tasks as one user may have."""
