"""One connection to a server, which sends and times one request after the other.

It is little more than a socket: the time that a client library takes would hide the server's.
"""

import re
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from bench.errors import BenchError

TIMEOUT_SECONDS = 30
NONE: Mapping[str, str] = MappingProxyType({})
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CLOSE = re.compile(rb"(?i)\r\nconnection: *close\r\n")
_HEAD_END = b"\r\n\r\n"


class Response(NamedTuple):
    """The response of a server."""

    status: int
    body: bytes


class Connection:
    """A connection that is kept open; leaving its context closes it."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        self._address = (str(address.hostname), address.port or 80)
        self._socket = _connect(self._address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: bytes, status: int | None = None) -> Response:
        """Send a request, and wait for the whole response.

        Raises `BenchError` if its status is not the expected one.
        """
        self._socket.sendall(request)
        received = self._receive()
        while (head := received.find(_HEAD_END)) < 0:
            received += self._receive()
        begin = head + len(_HEAD_END)
        found = _LENGTH.search(received, 0, head)
        end = begin + (int(found[1]) if found else 0)
        while len(received) < end:
            received += self._receive()
        if _CLOSE.search(received, 0, begin):  # a server may close it after 1,000 requests
            self._socket.close()
            self._socket = _connect(self._address)
        response = Response(int(received[9:12]), received[begin:end])
        if status not in {None, response.status}:
            raise BenchError(f"{response.status} instead of {status}: {response.body.decode()}")
        return response

    def _receive(self) -> bytes:
        received = self._socket.recv(1 << 18)
        if not received:
            raise BenchError("the server has closed a connection")
        return received


def _connect(address: tuple[str, int]) -> socket.socket:
    connected = socket.create_connection(address, TIMEOUT_SECONDS)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def request(
    token: str | None,
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] = NONE,
) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode() + body
