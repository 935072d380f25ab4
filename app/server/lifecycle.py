"""The life of the server: a log line and a message to systemd at each of its turns."""

import asyncio
import signal
import time
from collections.abc import Callable

import structlog

from .service_manager import ServiceManager

FEEDS = 3
"""How often the watchdog is fed in the time after which it restarts the service."""

logger = structlog.get_logger("app.serve")


class Lifecycle:
    """Reports when the server at `address` is ready, reloads, and stops.

    After SIGTERM the server drains for `drain_seconds`.
    """

    def __init__(
        self,
        address: str,
        workers: int = 1,
        drain_seconds: float = 0,
        manager: ServiceManager | None = None,
    ) -> None:
        self.drain_seconds = drain_seconds
        self._address = address
        self._workers = workers
        self._manager = manager or ServiceManager()
        self._began_at = time.monotonic()

    @property
    def _serving(self) -> str:
        return f"Serving at {self._address} with {self._workers} workers"

    def starting(self) -> None:
        """Report that the server prepares its database and starts its workers."""
        self._manager.send("STATUS=Starting")

    def ready(self) -> None:
        """Report that the server serves requests, with all of its workers."""
        seconds = round(time.monotonic() - self._began_at, 1)
        logger.info("server ready", address=self._address, workers=self._workers, seconds=seconds)
        self._manager.send("READY=1", f"STATUS={self._serving}")

    def reloading(self) -> None:
        """Report the begin of a reload."""
        self._manager.send_reloading()

    def reloaded(self, failure: str | None) -> None:
        """Report the end of a reload, and why it failed. The server serves either way."""
        outcome = (
            f" (the last reload failed: {failure.splitlines()[-1].strip()})" if failure else ""
        )
        self._manager.send("READY=1", f"STATUS={self._serving}{outcome}")

    def stopping(self, number: signal.Signals) -> None:
        """Report that the server has received the signal to stop."""
        logger.info("server stopping", reason=number.name)
        self._manager.send("STOPPING=1", f"STATUS=Stopping after {number.name}")

    def stopped(self) -> None:
        """Report that the server has stopped, with its workers and its database."""
        logger.info("server stopped")

    async def feed_watchdog(self, is_healthy: Callable[[], object] = lambda: True) -> None:
        """Feed systemd's watchdog from the event loop, while the server is healthy.

        An event loop that is blocked does not feed it either.
        """
        seconds = self._manager.watchdog_seconds
        while seconds is not None:
            if is_healthy():
                self._manager.send("WATCHDOG=1")
            await asyncio.sleep(seconds / FEEDS)
