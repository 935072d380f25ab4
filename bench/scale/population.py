"""Who and what is in a database of some size: in terms of numbers, as the SQL of `filling` has it.

A task's number is its age rank among the tasks of its user.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from bench.rows import TASKS_OF_A_USER, user_name

HEAVY_USER = 9_000_000_000
"""The number of the user who has as many tasks as one may have."""
HEAVY_TASKS = 100_000
HEAVY_FROM = 1_000_000
"""Databases of so many tasks have that user, too, on top of the others."""
TOMBSTONES = 10
"""Deletions of each user, after all else."""
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

DAY, MINUTE = 24 * 60, 1
"""Minutes between the tasks of an ordinary user, and of the heavy one."""


class Size(NamedTuple):
    """A database with so many tasks of ordinary users."""

    tasks: int

    @property
    def name(self) -> str:
        """The name of the database."""
        return f"scale_{self.tasks}"

    @property
    def users(self) -> int:
        """How many ordinary users there are."""
        return self.tasks // TASKS_OF_A_USER

    @property
    def has_heavy_user(self) -> bool:
        """Whether the heavy user is there."""
        return self.tasks >= HEAVY_FROM


def task_count(user: int) -> int:
    """How many tasks a user has."""
    return HEAVY_TASKS if user == HEAVY_USER else TASKS_OF_A_USER


def created_at(user: int, task: int) -> datetime:
    """When a task was made."""
    if user == HEAVY_USER:
        return FIRST + task * timedelta(minutes=MINUTE)
    return FIRST + timedelta(minutes=task * DAY, seconds=user)


def epoch(user: int) -> UUID:
    """The epoch of a user."""
    return UUID(hashlib.md5(user_name(user).encode(), usedforsecurity=False).hexdigest())
