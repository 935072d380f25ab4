"""Does again what PostgreSQL has undone for the sake of another transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.database.driver.errors import ConflictError

T = TypeVar("T")

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.01
"""Then twice as long each time, more or less, so that the same do not meet again."""


async def again_after_conflicts(transaction: Callable[[], Awaitable[T]]) -> T:
    """Carry out a transaction, `ATTEMPTS` times at most; nothing is left of one that failed.

    Raises the last `ConflictError`.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return await transaction()
        except ConflictError:
            jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt * jitter)
    return await transaction()
