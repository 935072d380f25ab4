"""Log lines for events that last: one when an event begins, and one when it is over."""

import asyncio
import time
from contextvars import Context

import structlog

QUIET_SECONDS = 60
"""Seconds without an occurrence after which an event is over."""
CALM_SECONDS = 5
"""Seconds without an occurrence after which a success ends an event."""
MAX_REASONS = 5
"""How many reasons of one event are logged."""


class LastingEvent:
    """Logs a warning when something begins to occur, and one when it is over.

    Occurrences in between are only counted, except those with a new reason. An event is over when
    nothing has occurred for `QUIET_SECONDS`; or, if `until_success`, when `succeeded` is called.
    All lines have `details`.
    """

    def __init__(
        self,
        logger: str,
        begins: str,
        ends: str,
        *,
        until_success: bool = False,
        **details: object,
    ) -> None:
        self._logger = structlog.get_logger(logger)
        self._begins = begins
        self._ends = ends
        self._until_success = until_success
        self._details = details
        # The occurrences of the present event; 0 while there is none.
        self._times = 0
        # When the present event began, and when something last occurred.
        self._began_at = self._last_at = 0.0
        # The reasons of the present event that were logged.
        self._reasons: set[str] = set()

    def occurs(self, reason: str = "", **details: object) -> None:
        """Record an occurrence. The first one, and the first one of each reason, is logged.

        An event that ends without a success needs a running event loop.
        """
        self._last_at = time.monotonic()
        self._times += 1
        if self._times == 1:
            self._began_at = self._last_at
            if not self._until_success:
                self._look_after(QUIET_SECONDS)
        if reason not in self._reasons and len(self._reasons) < MAX_REASONS:
            self._reasons.add(reason)
            named = {"reason": reason} if reason else {}
            self._logger.warning(self._begins, **self._details, **named, **details)

    def succeeded(self) -> None:
        """Record a success. It returns at once while there is no event."""
        if self._times and time.monotonic() - self._last_at >= CALM_SECONDS:
            self._end()

    def _look_after(self, seconds: float) -> None:
        # An empty context, because the last line does not belong to the first occurrence's request.
        asyncio.get_running_loop().call_later(seconds, self._look, context=Context())

    def _look(self) -> None:
        left = self._last_at + QUIET_SECONDS - time.monotonic()
        if left > 0:
            self._look_after(left)
        else:
            self._end()

    def _end(self) -> None:
        seconds = round(self._last_at - self._began_at, 1)
        self._logger.warning(self._ends, **self._details, times=self._times, seconds=seconds)
        self._times = 0
        self._reasons.clear()
