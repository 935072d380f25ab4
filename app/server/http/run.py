"""Runs the app under Hypercorn, on uvloop where there is one."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from app.server.http.application import Application
from app.server.http.connections import raise_descriptor_limit
from app.server.http.listener import Listener
from app.server.http.serving import serve

DRAIN_SECONDS = 3
"""How long clients may still use the connections that they have, after SIGTERM."""


def run(
    app: Application, listener: Listener, until: Callable[[], Awaitable[float]] | None = None
) -> None:
    """Serve until `until` returns, as `serve` says; by default until SIGTERM, or Ctrl-C."""
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(app, listener, until or _signal))


async def _signal() -> float:
    """Wait for a signal. Who presses Ctrl-C has no need of connections that nobody uses."""
    loop = asyncio.get_running_loop()
    patience: asyncio.Future[float] = loop.create_future()

    def stop(seconds: float) -> None:
        if not patience.done():
            patience.set_result(seconds)

    def told(seconds: float) -> None:
        if not loop.is_closed():  # else all is said, and a database may be about to end
            loop.call_soon_threadsafe(stop, seconds)

    for number, seconds in ((signal.SIGTERM, DRAIN_SECONDS), (signal.SIGINT, 0.0)):
        # The loop's own method is not there on Windows.
        signal.signal(number, lambda *_, seconds=seconds: told(seconds))
    return await patience


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:  # on Windows
        return None
    return uvloop.new_event_loop
