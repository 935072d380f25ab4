"""A bad request: bytes for the wire, and the refusal that is due."""

from typing import NamedTuple

TOKEN = b"{TOKEN}"
"""Stands in `raw` for a token that holds."""

BEARER = b"Authorization: Bearer " + TOKEN
TASK = b"/api/tasks/019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"


class BadRequest(NamedTuple):
    """`closes` says whether the connection must end with the answer; None, that it may.

    `served` good requests stand before it on the connection.
    """

    name: str
    raw: bytes
    status: int
    code: str
    closes: bool | None = False
    served: int = 0


def lines(first: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """A request with a `Host` and a token that holds."""
    return b"\r\n".join((first, b"Host: taskward", BEARER, *headers, b"", body))


def post(body: bytes, *headers: bytes) -> bytes:
    """A request that creates a task, if its body lets it."""
    length = b"Content-Length: %d" % len(body)
    kind = () if headers else (b"Content-Type: application/json",)
    return lines(b"POST /api/tasks HTTP/1.1", length, *kind, *headers, body=body)


def get(target: bytes, *headers: bytes) -> bytes:
    """A request that reads."""
    return lines(b"GET " + target + b" HTTP/1.1", *headers)
