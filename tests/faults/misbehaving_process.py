"""Misbehaving clients, in a separate process, so that they do not slow down the measuring clients.

`python -m tests.faults.misbehaving_process KIND PORT CLIENTS TOKEN` prints `ready` once all have
begun, continues until its standard input ends, and then prints how often each status was
returned, as JSON.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.server.bad_requests.framings import FRAMINGS
from tests.server.bad_requests.hosts import HOSTILE
from tests.server.bad_requests.request import TOKEN
from tests.server.bad_requests.smuggling import SMUGGLING
from tests.server.bad_requests.targets import TARGETS
from tests.support.http1 import LIVE

Address = tuple[str, int]
Statuses = Counter[str]

PER_SECOND = {"oversize": 50, "malformed": 200, "resets": 200}
"""Requests per second of all clients together. Slow and silent clients keep connections open."""
BEGIN_SECONDS = 0.5
"""How many seconds connecting takes, which is not measured."""
SLOW_SECONDS = 0.5
OVERSIZE = 1_000_000
HEAD = b"POST /api/tasks HTTP/1.1\r\nHost: taskward\r\nContent-Type: application/json\r\n"
# A client that begins with HTTP/2, opens a stream and resets it.
HTTP2 = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    b"\0\0\1\1\5\0\0\0\1\x82\0\0\4\3\0\0\0\0\1\0\0\0\x08"
)
MALFORMED = [each for each in (*FRAMINGS, *SMUGGLING, *HOSTILE, *TARGETS) if each.served == 0]


async def slow(address: Address, number: int, _: bytes, statuses: Statuses) -> None:
    """Send the head or the body of a request byte by byte."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(HEAD + (b"Content-Length: 10000\r\n\r\n" if number % 2 else b"X-Slow: "))
    while not reader.at_eof():
        writer.write(b"x")
        await asyncio.sleep(SLOW_SECONDS)
    statuses[status_of(await reader.read())] += 1


async def silent(address: Address, number: int, _: bytes, statuses: Statuses) -> None:
    """Send nothing, at all or after a first request."""
    reader, writer = await asyncio.open_connection(*address)
    if number % 2:
        writer.write(LIVE)
    statuses[status_of(await reader.read())] += 1


async def oversize(address: Address, number: int, token: bytes, statuses: Statuses) -> None:
    """Send a body above the limit, with its length in the head or in chunks."""
    head = HEAD + b"Authorization: Bearer " + token
    if number % 2:
        sent = head + b"\r\nContent-Length: %d\r\n\r\n" % OVERSIZE + b"x" * OVERSIZE
    else:
        sent = head + b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % OVERSIZE + b"x" * OVERSIZE
    statuses[await status_after(address, sent)] += 1


async def malformed(address: Address, number: int, token: bytes, statuses: Statuses) -> None:
    """Send malformed HTTP, or a request with another one in it."""
    bad = MALFORMED[(number + statuses.total()) % len(MALFORMED)]
    status = await status_after(address, bad.raw.replace(TOKEN, token))
    statuses[status if status.startswith("4") or not status else f"{status} for {bad.name}"] += 1


async def resets(address: Address, number: int, _: bytes, statuses: Statuses) -> None:
    """Send a request on a new connection, and reset it at once."""
    await send_and_reset(address, HTTP2 if number % 2 else LIVE)
    statuses["reset"] += 1


async def send_and_reset(address: Address, sent: bytes, after_seconds: float = 0) -> None:
    """Send bytes on a new connection, and reset it, whatever the response."""
    _, writer = await asyncio.open_connection(*address)
    connection: socket.socket = writer.get_extra_info("socket")
    # With this option, closing a connection sends a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.write(sent)
    await asyncio.sleep(after_seconds)
    writer.transport.abort()
    await asyncio.sleep(0)


async def status_after(address: Address, sent: bytes) -> str:
    """Send bytes on a new connection; return the status of the response."""
    reader, writer = await asyncio.open_connection(*address)
    head = b""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n")
    writer.transport.abort()
    return status_of(head)


def status_of(response: bytes) -> str:
    """Return the status of a response; an empty text if there is none."""
    return response[9:12].decode()


KINDS: dict[str, Callable[[Address, int, bytes, Statuses], Awaitable[None]]] = {
    each.__name__: each for each in (slow, silent, oversize, malformed, resets)
}


async def misbehave(kind: str, address: Address, clients: int, token: bytes) -> Statuses:
    """Run misbehaving clients of one kind until standard input ends; return the statuses."""
    statuses: Statuses = Counter()

    async def run(number: int) -> None:
        pause = clients / PER_SECOND[kind] if kind in PER_SECOND else 0
        while True:
            await asyncio.sleep(random.uniform(0, 2 * pause))  # noqa: S311 - no secret
            with suppress(ConnectionError):
                await KINDS[kind](address, number, token, statuses)

    tasks = [asyncio.create_task(run(number)) for number in range(clients)]
    await asyncio.sleep(BEGIN_SECONDS)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return statuses


if __name__ == "__main__":
    _kind, _port, _clients, _token = sys.argv[1:]
    _run = misbehave(_kind, ("127.0.0.1", int(_port)), int(_clients), _token.encode())
    sys.stdout.write(json.dumps(asyncio.run(_run)))
