"""The rows of every system: 1,000 users with 100 tasks each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bench.operations import DESCRIPTION, DUE_AT, TITLE

USERS = 1000
TASKS_OF_A_USER = 100
USERS_UNDER_LOAD = 100

COLUMNS = (
    "user_id",
    "id",
    "title",
    "description",
    "due_at",
    "completed",
    "created_at",
    "updated_at",
    "revision",
)
FIELDS = (*COLUMNS, "completed_at")
"""The properties of a task in a response."""

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_DUE = datetime.fromisoformat(DUE_AT)
LAST = _FIRST + timedelta(days=TASKS_OF_A_USER)
"""All rows are older than this; rows that an operation creates are newer."""

ID_PREFIX = "019b75da-9c00-7000-8000-"
"""The start of every task's id. The rest is its number, so that pgbench can compute it, too."""


def user_name(user: int) -> str:
    """Return the id of a user, by number."""
    return f"user-{user}"


def task_id(user: int, task: int) -> UUID:
    """Return the id of a user's task, by their numbers."""
    return UUID(f"{ID_PREFIX}{user * TASKS_OF_A_USER + task:012d}")


def users() -> Iterator[tuple[str, int, int]]:
    """Return the rows of Taskward's users: `(id, revision, task_count)`."""
    return ((user_name(user), TASKS_OF_A_USER, TASKS_OF_A_USER) for user in range(USERS))


def tasks() -> Iterator[tuple[object, ...]]:
    """Yield the rows of the tasks, in the order of their creation."""
    for task in range(TASKS_OF_A_USER):
        for user in range(USERS):
            made = _FIRST + timedelta(days=task, seconds=user)
            due = None if task % 3 == 0 else _DUE + timedelta(days=task)
            description = None if task % 4 == 0 else DESCRIPTION
            title = f"{TITLE}, {task}"
            id_ = task_id(user, task)
            yield (user_name(user), id_, title, description, due, False, made, made, task + 1)
