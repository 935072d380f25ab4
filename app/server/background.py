"""Background tasks, which an app runs besides its requests while it serves."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Literal, TypeAlias

from quart import Quart

Work: TypeAlias = Literal["purge", "erasures"]
"""The work of housekeeping."""
Result: TypeAlias = Literal["completed", "incomplete", "failed"]
"""The result of a run: it is incomplete if rows of some users are left."""
HousekeepingRecorder: TypeAlias = Callable[[Work, Result], None]
"""Called after each run of housekeeping."""


def in_background(app: Quart, run: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a coroutine that never returns, from the start of the app until its shutdown.

    At shutdown the coroutine is cancelled.
    """

    @app.while_serving
    async def running() -> AsyncGenerator[None, None]:
        task = asyncio.create_task(run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
