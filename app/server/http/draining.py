"""Wait for the signal to stop, and for load balancers to notice that the server stops."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

import structlog

logger = structlog.get_logger("app.server")


async def stop_signal(
    received: "asyncio.Queue[signal.Signals]",
    drain_seconds: float,
    announce: Callable[[], None],
    stopping: Callable[[signal.Signals], None],
) -> signal.Signals:
    """Return the signal that stops the server: the first one, or the one that ends the drain.

    `stopping` is called with the first one. SIGTERM begins the drain. `announce` must make the
    readiness check fail; the server accepts and serves for `drain_seconds` more, in which load
    balancers stop to send it requests. A second signal ends the drain. SIGINT begins none: an
    operator who presses Ctrl-C does not want to wait.
    """
    number = await received.get()
    stopping(number)
    if number == signal.SIGTERM and drain_seconds:
        announce()
        logger.info("drain started", seconds=drain_seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                number = await received.get()
    return number
