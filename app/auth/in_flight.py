"""Limits on a user's requests in flight, and on the unread bytes of their responses.

A request is in flight from its authentication until its response is sent or its connection is
closed. Each process counts only its own requests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from ..lasting_event import LastingEvent
from .errors import TooManyInFlightError

MAX_REQUESTS = 128
"""Above the 100 simultaneous requests with one idempotency key that the contract allows."""
MAX_UNREAD_BYTES = 16 * 1024 * 1024
"""The size of sixteen of the largest pages."""


class Flight:
    """The number of requests in flight of one user, and of their unread bytes.

    It exists as long as one of these requests refers to it.
    """

    __slots__ = ("__weakref__", "_limit_reached", "_user_id", "requests", "unread_bytes")

    def __init__(self, user_id: str, limit_reached: LastingEvent) -> None:
        self._user_id = user_id
        self._limit_reached = limit_reached
        self.requests = 0
        self.unread_bytes = 0

    def check(self) -> None:
        """Raise `TooManyInFlightError` if too many bytes are unread."""
        if self.unread_bytes > MAX_UNREAD_BYTES:
            self._limit_reached.occurs(user=self._user_id)
            raise TooManyInFlightError

    @contextmanager
    def sending(self, size: int) -> Iterator[None]:
        """Count bytes of a response as unread while they are sent in this context."""
        self.unread_bytes += size
        try:
            yield
        finally:
            self.unread_bytes -= size


class InFlight:
    """Counts the requests in flight of each user."""

    def __init__(self) -> None:
        self._flights = WeakValueDictionary[str, Flight]()
        self._too_many = _limit_reached(scope="requests", limit=MAX_REQUESTS)
        self._too_much = _limit_reached(scope="unread bytes", limit=MAX_UNREAD_BYTES)

    def enter(self, user_id: str) -> Flight:
        """Count a request of a user. Raises `TooManyInFlightError`.

        Subtract 1 from `requests` of the result when the request ends.
        """
        flight = self._flights.get(user_id)
        if flight is None:
            flight = self._flights[user_id] = Flight(user_id, self._too_much)
        elif flight.requests >= MAX_REQUESTS:
            self._too_many.occurs(user=user_id)
            raise TooManyInFlightError
        flight.check()
        flight.requests += 1
        return flight

    def check(self, user_id: str) -> None:
        """Raise `TooManyInFlightError` if a user has too many unread bytes.

        A request that has waited is checked again before it reads more.
        """
        flight = self._flights.get(user_id)
        if flight is not None:
            flight.check()


def _limit_reached(scope: str, limit: int | None) -> LastingEvent:
    begins, ends = "in-flight limit reached", "in-flight limit cleared"
    return LastingEvent("app.auth", begins, ends, scope=scope, limit=limit)
