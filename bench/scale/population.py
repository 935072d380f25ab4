"""The users and tasks of a database of some size, as numbers; `filling` has the same in SQL.

A task's number is its age rank among the tasks of its user.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from bench.rows import TASKS_OF_A_USER, user_name

HEAVY_USER = 9_000_000_000
"""The number of the heavy user, who has as many tasks as one user may have."""
HEAVY_TASKS = 100_000
HEAVY_FROM = 1_000_000
"""Databases with at least this many tasks also have the heavy user, besides the others."""
TOMBSTONES = 10
"""Deletions of each user, after all other changes."""
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

DAY, MINUTE = 24 * 60, 1
"""Minutes between the tasks of an ordinary user, and between those of the heavy user."""


class Size(NamedTuple):
    """A database, by the number of its ordinary users' tasks."""

    tasks: int

    @property
    def name(self) -> str:
        """Return the name of the database."""
        return f"scale_{self.tasks}"

    @property
    def users(self) -> int:
        """Return the number of ordinary users."""
        return self.tasks // TASKS_OF_A_USER

    @property
    def has_heavy_user(self) -> bool:
        """Return whether the database has the heavy user."""
        return self.tasks >= HEAVY_FROM


def task_count(user: int) -> int:
    """Return the number of a user's tasks."""
    return HEAVY_TASKS if user == HEAVY_USER else TASKS_OF_A_USER


def created_at(user: int, task: int) -> datetime:
    """Return the time of a task's creation."""
    if user == HEAVY_USER:
        return FIRST + task * timedelta(minutes=MINUTE)
    return FIRST + timedelta(minutes=task * DAY, seconds=user)


def epoch(user: int) -> UUID:
    """Return the epoch of a user."""
    return UUID(hashlib.md5(user_name(user).encode(), usedforsecurity=False).hexdigest())
