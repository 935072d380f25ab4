"""What an app does beside its requests, for as long as it serves."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress

from quart import Quart


def in_background(app: Quart, run: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run something that does not end by itself, from when the app serves until it stops."""

    @app.while_serving
    async def running() -> AsyncGenerator[None, None]:
        task = asyncio.create_task(run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
