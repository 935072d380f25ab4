"""Retries of transactions that PostgreSQL rolled back because of another transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import ConflictError

T = TypeVar("T")

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.01
"""The first pause. Each later pause is about twice as long.

Pauses are random, so that two transactions that conflicted do not conflict again.
"""


async def retry_on_conflict(transaction: Callable[[], Awaitable[T]]) -> T:
    """Run a transaction, and retry it after a conflict, at most `ATTEMPTS` times in all.

    A failed attempt leaves nothing in the database. Raises the last `ConflictError`.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return await transaction()
        except ConflictError:
            jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt * jitter)
    return await transaction()
