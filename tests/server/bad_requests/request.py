"""A bad request: the bytes to send, and the expected rejection."""

from typing import NamedTuple

TOKEN = b"{TOKEN}"
"""The placeholder in `raw` for a valid token."""

BEARER = b"Authorization: Bearer " + TOKEN
TASK = b"/api/tasks/019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"


class BadRequest(NamedTuple):
    """A request that must be rejected.

    `closes` says whether the connection must end with the response; None means that it may.
    `served` good requests are sent before it on the connection.
    """

    name: str
    raw: bytes
    status: int
    code: str
    closes: bool | None = False
    served: int = 0


def lines(first: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """Return a request with a `Host` and a valid token."""
    return b"\r\n".join((first, b"Host: taskward", BEARER, *headers, b"", body))


def post(body: bytes, *headers: bytes) -> bytes:
    """Return a request that creates a task if its body is valid."""
    length = b"Content-Length: %d" % len(body)
    kind = () if headers else (b"Content-Type: application/json",)
    return lines(b"POST /api/tasks HTTP/1.1", length, *kind, *headers, body=body)


def get(target: bytes, *headers: bytes) -> bytes:
    """Return a request that reads."""
    return lines(b"GET " + target + b" HTTP/1.1", *headers)
