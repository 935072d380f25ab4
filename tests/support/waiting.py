"""Wait until something is true."""

import asyncio
import inspect
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60
"""Far more than anything takes, even beside other tests."""


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition is true. Raises `AssertionError` if that takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.005)


async def until(holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Do the same in a coroutine. The condition can be a coroutine, too."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)
