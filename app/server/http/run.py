"""Run the app under Hypercorn, on uvloop if it is installed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from .application import Application
from .connections import raise_descriptor_limit
from .listener import Listener
from .serving import serve

DRAIN_SECONDS = 3
"""How long clients may still send requests over open connections after SIGTERM."""


def run(
    app: Application,
    listener: Listener,
    shutdown_trigger: Callable[[], Awaitable[float]] | None = None,
) -> None:
    """Serve until `shutdown_trigger` returns, by default until SIGTERM or SIGINT (Ctrl-C).

    `shutdown_trigger` returns for how many seconds the server drains: see `serve`.
    """
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(app, listener, shutdown_trigger or _wait_for_signal))


async def _wait_for_signal() -> float:
    """Wait for SIGTERM or SIGINT. Return the seconds to drain.

    After SIGINT idle connections are closed at once: an operator who presses Ctrl-C does not want
    to wait for them.
    """
    loop = asyncio.get_running_loop()
    drain_seconds: asyncio.Future[float] = loop.create_future()

    def stop(seconds: float) -> None:
        if not drain_seconds.done():
            drain_seconds.set_result(seconds)

    def on_signal(seconds: float) -> None:
        # After the loop, an embedded database may be stopping: ignore the signal.
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop, seconds)

    for number, seconds in ((signal.SIGTERM, DRAIN_SECONDS), (signal.SIGINT, 0.0)):
        # `loop.add_signal_handler` does not exist on Windows.
        signal.signal(number, lambda *_, seconds=seconds: on_signal(seconds))
    return await drain_seconds


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:  # on Windows
        return None
    return uvloop.new_event_loop
