"""What can go wrong with a task."""


class TaskNotFoundError(Exception):
    """The user has no such task; whether another user has it is not told."""


class InvalidCursorError(Exception):
    """The cursor was not made for this user and this filter."""


class TaskQuotaReachedError(Exception):
    """The user has as many tasks as one user may have."""
