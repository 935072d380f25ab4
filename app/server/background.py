"""Background tasks, which an app runs besides its requests while it serves."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress

from quart import Quart


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
