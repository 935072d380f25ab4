"""Says in the log when something begins to fail and when it works again, once each."""

import time
from collections.abc import Callable

import structlog

CALM_SECONDS = 5
"""How long nothing must have failed before an outage counts as over."""

logger = structlog.get_logger("app.outages")


class Outage:
    """Logs a warning for each reason that is new in an outage, and a line when it is over."""

    def __init__(self, part: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._part = part
        self._clock = clock
        self._began_at: float | None = None
        """None while there is no outage."""
        self._failed_at = 0.0
        self._failures = 0
        self._reasons: set[str] = set()

    def failed(self, reason: str) -> None:
        """Note a failure. `reason` is one of few, and nothing secret."""
        self._failed_at = self._clock()
        self._failures += 1
        if self._began_at is None:
            self._began_at = self._failed_at
        if reason not in self._reasons:
            self._reasons.add(reason)
            logger.warning("%s unavailable", self._part, reason=reason)

    def succeeded(self) -> None:
        """Note a success; while there is no outage, that costs nothing."""
        if self._began_at is None or self._clock() - self._failed_at < CALM_SECONDS:
            return
        seconds = round(self._failed_at - self._began_at, 1)
        logger.warning("%s available again", self._part, failures=self._failures, seconds=seconds)
        self._began_at, self._failures = None, 0
        self._reasons.clear()
