"""Signs that the clock of this machine, or that of the issuer, is wrong."""

import hashlib

from cachetools import TTLCache

from ..lasting_event import LastingEvent
from .claims import LEEWAY_SECONDS
from .errors import Reason, UntimelyTokenError

MANY = 10
"""How many different tokens must be untimely."""
WINDOW_SECONDS = 600
"""The time in which they are counted."""
MAX_AGE_SECONDS = 86_400
"""Tokens that are older expired as they should."""


class ClockWatch:
    """Logs a warning for each sign that the clocks differ, and a line when it is over.

    The signs are the time that the issuer states when its keys are fetched; many tokens that are
    not valid yet; and many tokens in a row that have expired. Only tokens with a valid signature
    count.
    """

    def __init__(self) -> None:
        self._differs = LastingEvent(
            "app.auth", "clock seems wrong", "clock seems right", until_success=True
        )
        self._untimely = LastingEvent("app.auth", "clock seems wrong", "tokens timely again")
        # The seconds by which tokens were early, and the ages of late ones, by digest.
        self._early: TTLCache[bytes, float] = TTLCache(MANY, WINDOW_SECONDS)
        self._late: TTLCache[bytes, float] = TTLCache(MANY, WINDOW_SECONDS)

    def compare(self, ahead: float | None) -> None:
        """Compare the issuer's clock, which is `ahead` by so many seconds; None: not known."""
        if ahead is None:
            return
        if abs(ahead) <= LEEWAY_SECONDS:
            self._differs.succeeded()
        else:
            side = "ahead of" if ahead > 0 else "behind"
            words = f"the issuer's clock is {side} the clock of this machine"
            self._differs.occurs(words, seconds=round(abs(ahead)))

    def accepted(self) -> None:
        """Record that a token was valid that was not known before."""
        self._late.clear()

    def rejected(self, token: str, error: UntimelyTokenError) -> None:
        """Record a token that is before or after its time."""
        digest = hashlib.sha256(token.encode()).digest()
        if error.reason is Reason.NOT_YET_VALID:
            self._early[digest] = error.seconds
            if len(self._early) >= MANY:
                words = "many tokens are not valid yet: this clock may be behind the issuer's"
                self._untimely.occurs(words, seconds=round(max(self._early.values())))
        elif error.age < MAX_AGE_SECONDS:
            self._late[digest] = error.age
            if len(self._late) >= MANY:
                words = "all new tokens have expired: this clock may be ahead of the issuer's"
                self._untimely.occurs(words, seconds=round(min(self._late.values())))
