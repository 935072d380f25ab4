"""The requests of one user that cost the server most, sent from a separate process.

`python -m tests.faults.abuse_process KIND PORT TOKEN COUNT` prints `ready` once the first
requests are sent, continues until it has sent COUNT, then prints the number of responses of each
status, as JSON. A client that `holds` leaves its response unread until standard input ends.
"""

import asyncio
import json
import resource
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID, uuid4

from quart_contract.strict_json import MAX_VALUES
from tests.support.http1 import LIVE, SCRIPT, SMALL_BUFFER, request

BODY_BYTES = 255_000
"""Just below the limit of a body, in bytes."""
BATCH = 100
BEGIN_SECONDS = 5
"""How many seconds connecting may take, before the abuse counts as begun."""
END_SECONDS = 60
"""How many seconds the rest of the abuse may take."""
HELD_END_SECONDS = 5
"""The same, if responses are held."""
STAY_SECONDS = 0.2
"""How many seconds a client that leaves stays connected."""

Address = tuple[str, int]


def task_id(number: int) -> str:
    """Return the id of the abusing user's task with this number."""
    return str(UUID(int=number + (7 << 76) + (8 << 60)))


def _post(token: str, body: object, *headers: str, path: str = "/api/tasks/batch") -> bytes:
    written = body if isinstance(body, str) else json.dumps(body)
    return request(f"POST {path}", *headers, token=token, body=written.encode())


def _numbers(token: str) -> Iterator[bytes]:
    numbers = ",".join(["1e308"] * (BODY_BYTES // 6))
    yield _post(token, f'{{"operations":[{{"op":[{numbers}]}}]}}')


def _members(token: str) -> Iterator[bytes]:
    for count in (MAX_VALUES - 10, BODY_BYTES // 9):
        members = ",".join(f'"{number:x}":0' for number in range(count))
        yield _post(token, f"{{{members}}}", path="/api/tasks")
    yield _post(token, f'{{"operations":[{{"op":"create","task":{{{members}}}}}]}}')


def _batches(token: str) -> Iterator[bytes]:
    task = {"title": "x" * 200, "description": "y" * (BODY_BYTES // BATCH - 300)}
    yield _post(token, {"operations": [{"op": "create", "task": task}] * BATCH})
    updates = [
        {"op": "update", "id": task_id(number), "patch": {"completed": done}}
        for number, done in zip(range(BATCH), cycle([True, False]), strict=False)
    ]
    yield _post(token, {"operations": updates})
    yield _post(token, {"operations": [{**each, "patch": {"title": "z"}} for each in updates]})


def _keys(token: str) -> Iterator[bytes]:
    same = {"op": "update", "patch": {"completed": False}}
    operations = [{**same, "id": task_id(number)} for number in range(BATCH)]
    while True:
        yield _post(token, {"operations": operations}, f"Idempotency-Key: {uuid4()}")


def _searches(token: str) -> Iterator[bytes]:
    for number in range(100):
        yield request(f"GET /api/tasks?q=nothing+has+this+{number}", token=token)
        # Letters with many spellings, and marks that other letters have.
        letters = (chr(0x1F00 + each) + chr(0x300 + (each + number) % 69) for each in range(90))
        yield request(f"GET /api/tasks?q={quote(''.join(letters))}", token=token)
        # More words than PostgreSQL caches patterns; each task has all of them but the last.
        words = "+".join(f"{(each * 7 + number) % 256:02x}" for each in range(64))
        yield request(f"GET /api/tasks?q={words}+nothing", token=token)


def _pages(token: str) -> Iterator[bytes]:
    yield request("GET /api/tasks?limit=200", token=token)
    yield request("GET /api/tasks/changes?limit=200", token=token)


def _scripts(_: str) -> Iterator[bytes]:
    yield SCRIPT


def _nothing(_: str) -> Iterator[bytes]:
    yield LIVE


class Kind(NamedTuple):
    """What is sent, over `at_once` connections.

    A client that `holds` leaves its response unread; one that `leaves` disconnects before it. A
    client without a token sends `times` as many requests.
    """

    requests: Callable[[str], Iterator[bytes]]
    at_once: int = 40
    holds: bool = False
    leaves: bool = False
    times: int = 1


KINDS = {
    "numbers": Kind(_numbers, 120),
    "members": Kind(_members, 120),
    "batches": Kind(_batches, 120),
    "keys": Kind(_keys),
    "searches": Kind(_searches, 120),
    "left-searches": Kind(_searches, leaves=True),
    "pages": Kind(_pages),
    "unread-pages": Kind(_pages, 100, holds=True),
    "unread-scripts": Kind(_scripts, 200, holds=True),
    "strangers": Kind(_nothing, 390, times=15),
    "idle-connections": Kind(_nothing, 2_000, holds=True),
}


class Abuser:
    """Sends at most `count` requests, over several connections at once."""

    def __init__(self, kind: Kind, address: Address, token: str, count: int) -> None:
        self._address = address
        self._holds, self._leaves = kind.holds, kind.leaves
        self._connections = min(kind.at_once, count)
        requests = _limited(kind.requests, token, count)
        self._requests = requests if kind.holds else map(_closing, requests)
        self._sent = 0
        self._begun, self._stopped = asyncio.Event(), asyncio.Event()
        self.responses = Counter[str]()

    async def run(self) -> None:
        """Send all requests and read the responses; held ones only once standard input ends."""
        tasks = [asyncio.create_task(self._run()) for _ in range(self._connections)]
        with suppress(TimeoutError):  # the server may accept fewer connections
            await asyncio.wait_for(self._begun.wait(), BEGIN_SECONDS)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if self._holds:
            await asyncio.to_thread(sys.stdin.read)
        self._stopped.set()
        _, late = await asyncio.wait(
            tasks, timeout=HELD_END_SECONDS if self._holds else END_SECONDS
        )
        for each in late:
            each.cancel()
        self.responses["none"] += len(late)

    async def _run(self) -> None:
        try:
            for sent in self._requests:
                await self._send(sent)
        except (OSError, asyncio.IncompleteReadError):
            self.responses["closed"] += 1

    async def _send(self, sent: bytes) -> None:
        connection = socket.socket()
        if self._holds:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, self._address)
        reader, writer = await asyncio.open_connection(sock=connection, limit=SMALL_BUFFER)
        writer.write(sent)
        await writer.drain()
        self._sent += 1
        if self._sent == self._connections:
            self._begun.set()
        if self._leaves:
            await asyncio.sleep(STAY_SECONDS)
            writer.close()
            return
        if self._holds:
            await self._stopped.wait()
        head = await reader.readuntil(b"\r\n")
        self.responses[head[9:12].decode()] += 1
        while not self._holds and await reader.read(1 << 16):
            pass
        writer.transport.abort()


def _limited(requests: Callable[[str], Iterator[bytes]], token: str, count: int) -> Iterator[bytes]:
    remaining = count
    while remaining:
        for each in requests(token):
            yield each
            remaining -= 1
            if not remaining:
                return


def _closing(sent: bytes) -> bytes:
    return sent.replace(b"Host:", b"Connection: close\r\nHost:", 1)


def main(arguments: Sequence[str]) -> None:
    """Abuse the server, and print the statuses."""
    kind, port, token, count = arguments
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    abuser = Abuser(KINDS[kind], ("127.0.0.1", int(port)), token, int(count))
    with suppress(KeyboardInterrupt):
        asyncio.run(abuser.run())
    sys.stdout.write(json.dumps(abuser.responses))


if __name__ == "__main__":
    main(sys.argv[1:])
