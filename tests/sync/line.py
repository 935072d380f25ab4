"""A line between a device and the server that loses and repeats requests and responses."""

from random import Random
from typing import Any, NamedTuple

from tests.support.connection import Connection, Received
from tests.support.relay import Relay

FAULTS = ("none", "cut before", "cut after", "twice", "late", "cut before, and late")
WEIGHTS = (55, 10, 15, 8, 6, 6)


class CutError(Exception):
    """No response arrived. Whether the server got the request is unknown."""


class Request(NamedTuple):
    """A request. Its headers make it safe to send again."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any = None


class Line:
    """Sends requests through a relay, and does to them what a bad line does.

    It can lose a request, lose the response, send a request twice, or send it late: after requests
    that came later.
    """

    def __init__(self, relay: Relay, token: str, chosen: Random) -> None:
        self._relay = relay
        self._authorization = f"Bearer {token}"
        self._chosen = chosen
        self._connection = Connection(relay)
        self._late: list[Request] = []
        self.works = False
        """True from the moment when the line has no more faults."""
        self.seen: dict[str, int] = dict.fromkeys(FAULTS, 0)

    def send(self, request: Request) -> Received:
        """Send a request. Raises `CutError` if no response arrives."""
        fault = "none" if self.works else self._chosen.choices(FAULTS, WEIGHTS)[0]
        self.seen[fault] += 1
        if "late" in fault:
            self._late.append(request)
        if "cut before" in fault:
            self._relay.lose_request()
        elif fault == "cut after":
            self._relay.lose_response()
        elif fault == "twice":
            self._send(request)
        return self._send(request)

    def deliver_late(self) -> None:
        """Let some late requests arrive, in any order. Their responses are ignored."""
        self._chosen.shuffle(self._late)
        for _ in range(self._chosen.randint(0, len(self._late))):
            self._send(self._late.pop())

    def close(self) -> None:
        """Let all late requests arrive, and close the line."""
        while self._late:
            self._send(self._late.pop())
        self._connection.close()

    def _send(self, request: Request) -> Received:
        headers = {**request.headers, "Authorization": self._authorization}
        try:
            return self._connection.ask(request.method, request.target, headers, request.body)
        except ConnectionError:
            raise CutError from None
