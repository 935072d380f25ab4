"""Log lines for events that last: one when the event begins, and one when it is over."""

import asyncio
from contextvars import Context

import structlog

QUIET_SECONDS = 60
"""Seconds without an occurrence after which an event is over."""


class LastingEvent:
    """Logs a warning when something begins to occur, and one when it has not occurred for a minute.

    Occurrences in between are not logged, only counted. Both lines have `details`.
    """

    def __init__(self, logger: str, begins: str, ends: str, **details: object) -> None:
        self._logger = structlog.get_logger(logger)
        self._begins = begins
        self._ends = ends
        self._details = details
        # The occurrences of the present event; 0 while there is none.
        self._times = 0
        self._last_at = 0.0

    def occurs(self, **details: object) -> None:
        """Record an occurrence, on a running event loop. `details` of the first one are logged."""
        loop = asyncio.get_running_loop()
        self._times += 1
        self._last_at = loop.time()
        if self._times == 1:
            self._logger.warning(self._begins, **self._details, **details)
            self._look_after(QUIET_SECONDS, loop)

    def _look_after(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        # An empty context, because the last line does not belong to the first occurrence's request.
        loop.call_later(seconds, self._look, loop, context=Context())

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        left = self._last_at + QUIET_SECONDS - loop.time()
        if left > 0:
            self._look_after(left, loop)
        else:
            self._logger.warning(self._ends, **self._details, times=self._times)
            self._times = 0
