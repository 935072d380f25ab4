"""HTTP/1.1 in bytes, for what a client library does not send."""

import asyncio
import socket
from typing import Protocol

from tests.support.tokens import token_for

LIVE = b"GET /health/live HTTP/1.1\r\nHost: taskward\r\n\r\n"
SCRIPT = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: taskward\r\n\r\n"
"""A request whose response is longer than what the kernel buffers."""
SMALL_BUFFER = 4096
"""The receive buffer of a client that does not read, in bytes."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Listening(Protocol):
    """A server at a port of this machine."""

    @property
    def port(self) -> int:
        """Its port."""


def request(
    first: str,
    *lines: str,
    user: str | None = None,
    token: str | None = None,
    body: bytes = b"",
) -> bytes:
    """Return a request. `first` is its method and target, `lines` are further headers.

    A body is JSON, and its headers are added.
    """
    headers = [f"{first} HTTP/1.1", "Host: taskward"]
    if user is not None:
        token = token_for(user)
    if token is not None:
        headers.append(f"Authorization: Bearer {token}")
    if body:
        headers += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*headers, *lines, "", ""]).encode() + body


async def connect(server: Listening, address: str = "127.0.0.1") -> Streams:
    """Open a connection from an address of this machine."""
    return await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))


def unread(server: Listening, sent: bytes) -> socket.socket:
    """Send bytes on a new connection whose responses are not read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    return connection
