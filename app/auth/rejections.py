"""The log of rejected tokens, for the operator."""

from ..lasting_event import LastingEvent
from .errors import InvalidTokenError, Reason, UntimelyTokenError


class Rejections:
    """Logs a warning when tokens begin to be rejected for a reason, and one when that is over.

    Each reason is a separate event, so that a client that sends garbage does not hide why the
    tokens of the issuer are rejected.
    """

    def __init__(self) -> None:
        self._events = {
            each: LastingEvent("app.auth", "token rejected", "token rejections over", code=each)
            for each in Reason
        }

    def add(self, error: InvalidTokenError) -> None:
        """Record a rejected token."""
        off = {"seconds": round(error.seconds)} if isinstance(error, UntimelyTokenError) else {}
        self._events[error.reason].occurs(str(error), **off)
