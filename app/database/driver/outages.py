"""Log lines for outages: one when something starts to fail, one when it works again."""

import time
from collections.abc import Callable

import structlog

CALM_SECONDS = 5
"""Seconds without a failure after which an outage is over."""

logger = structlog.get_logger("app.outages")


class Outage:
    """Logs a warning for each new reason during an outage, and a line when the outage is over."""

    def __init__(self, part: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._part = part
        self._clock = clock
        self._began_at: float | None = None
        """Set at the first failure of an outage; None while there is no outage."""
        # When the last failure was, on `clock`.
        self._failed_at = 0.0
        # The failures of this outage.
        self._failures = 0
        # The reasons that this outage has logged.
        self._reasons: set[str] = set()

    def failed(self, reason: str) -> None:
        """Record a failure. `reason` is one of a small set, and not secret."""
        self._failed_at = self._clock()
        self._failures += 1
        if self._began_at is None:
            self._began_at = self._failed_at
        if reason not in self._reasons:
            self._reasons.add(reason)
            logger.warning("%s unavailable", self._part, reason=reason)

    def succeeded(self) -> None:
        """Record a success; while there is no outage, that returns at once."""
        if self._began_at is None or self._clock() - self._failed_at < CALM_SECONDS:
            return
        seconds = round(self._failed_at - self._began_at, 1)
        logger.warning("%s available again", self._part, failures=self._failures, seconds=seconds)
        self._began_at, self._failures = None, 0
        self._reasons.clear()
