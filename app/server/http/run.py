"""Run the app under Hypercorn, on uvloop if it is installed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType

from .application import Application
from .connections import raise_descriptor_limit
from .draining import stop_signal
from .listener import Listener
from .serving import serve

CLOSING_SECONDS = 3
"""How long clients may still send requests over open connections after SIGTERM and the drain."""


def run(
    app: Application,
    listener: Listener,
    shutdown_trigger: Callable[[], Awaitable[float]] | None = None,
    *,
    drain_seconds: float = 0,
    stopping: Callable[[signal.Signals], None] = lambda _: None,
) -> None:
    """Serve until `shutdown_trigger` returns, by default until SIGTERM or SIGINT (Ctrl-C).

    `shutdown_trigger` returns how long open connections are served: see `serve`. After SIGTERM the
    server first drains: see `stop_signal`, which calls `stopping`.
    """
    raise_descriptor_limit()
    trigger = shutdown_trigger or partial(_wait_for_signal, app, drain_seconds, stopping)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(app, listener, trigger))


async def _wait_for_signal(
    app: Application, drain_seconds: float, stopping: Callable[[signal.Signals], None]
) -> float:
    """Wait for SIGTERM or SIGINT, and for the drain. Return how long to serve open connections.

    After SIGINT idle connections are closed at once: an operator who presses Ctrl-C does not want
    to wait for them.
    """
    loop = asyncio.get_running_loop()
    received = asyncio.Queue[signal.Signals]()

    def on_signal(number: int, _: FrameType | None) -> None:
        # After the loop, an embedded database may be stopping: ignore the signal.
        if not loop.is_closed():
            loop.call_soon_threadsafe(received.put_nowait, signal.Signals(number))

    for number in (signal.SIGTERM, signal.SIGINT):
        # `loop.add_signal_handler` does not exist on Windows.
        signal.signal(number, on_signal)
    number = await stop_signal(received, drain_seconds, app.services.stopping.set, stopping)
    return CLOSING_SECONDS if number == signal.SIGTERM else 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:  # on Windows
        return None
    return uvloop.new_event_loop
