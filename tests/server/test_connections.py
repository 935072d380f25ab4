"""Connections have limits, and a client that does not read is disconnected."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog

from app import create_app
from app.server.http import serving, tcp
from app.server.http.connections import RESERVED_DESCRIPTORS, Connections, Limits, limits
from app.settings import Settings
from tests.support.http1 import LIVE, SCRIPT, Streams, connect, unread
from tests.support.live_server import LiveServer, live
from tests.support.waiting import PATIENCE_SECONDS

PART = b"GET /health/live HTTP/1.1\r\nHost:"
OTHER = "127.0.0.2"
THIRD = "127.0.0.3"
LIMITS = Limits(total=7, per_address=4)


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """Serve seven connections, four for an address, with short time limits for slow readers."""
    monkeypatch.setattr(serving, "limits", lambda *_, **__: LIMITS)
    monkeypatch.setattr(tcp, "PROGRESS_SECONDS", 1)
    with live(create_app(settings)) as running:
        yield running


@asynccontextmanager
async def connected(
    server: LiveServer, *addresses: str, sent: bytes = b""
) -> AsyncIterator[list[Streams]]:
    """Open connections from these addresses, in order. Read a response where one is sent."""
    made: list[Streams] = []
    try:
        for address in addresses:
            made.append(await connect(server, address))
            made[-1][1].write(sent)
            if sent == LIVE:
                await made[-1][0].readuntil(b"}\n")
            await asyncio.sleep(0.02)
        yield made
    finally:
        for _, writer in made:
            writer.close()


async def is_answered(streams: Streams) -> bool:
    """Return whether a request over a connection gets a response."""
    reader, writer = streams
    try:
        writer.write(LIVE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await reader.readuntil(b"}\n")
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
    return head.startswith(b"HTTP/1.1 200")


async def test_busy_connections_of_an_address_leave_room_for_another(
    server: LiveServer,
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with connected(server, *["127.0.0.1"] * 4, sent=PART) as busy:
            for _ in range(3):
                async with connected(server, "127.0.0.1") as (refused,):
                    assert not await is_answered(refused)
            async with connected(server, OTHER) as (other,):
                assert await is_answered(other)
            for reader, writer in busy:
                writer.write(b" taskward\r\n\r\n")
                assert (await reader.readuntil(b"}\n")).startswith(b"HTTP/1.1 200")
    reached = [line for line in lines if line["event"] == "connection limit reached"]
    told = {"scope": "address", "limit": 4, "address": "127.0.0.1", "log_level": "warning"}
    assert reached == [{"event": "connection limit reached", **told}]


@pytest.mark.parametrize("sent", [b"", LIVE])
async def test_the_connection_that_is_idle_for_longest_makes_room(
    server: LiveServer, sent: bytes
) -> None:
    async with connected(server, *["127.0.0.1"] * 6, sent=sent) as connections:
        async with asyncio.timeout(10):
            for reader, _ in connections[:2]:
                assert await reader.read() == b""
        for each in connections[2:]:
            assert await is_answered(each)


async def test_all_connections_together_have_a_limit_too(server: LiveServer) -> None:
    addresses = ["127.0.0.1", "127.0.0.1", "127.0.0.1", OTHER, OTHER, OTHER, THIRD, THIRD]
    with structlog.testing.capture_logs() as lines:
        async with connected(server, *addresses, sent=LIVE) as connections:
            assert [await is_answered(each) for each in connections] == [False] + [True] * 7
    assert [line["scope"] for line in lines if "scope" in line] == ["total"]


async def test_a_connection_that_is_closed_leaves_its_place(server: LiveServer) -> None:
    for _ in range(5):
        async with connected(server, *["127.0.0.1"] * 4, sent=PART):
            pass
        await asyncio.sleep(0.1)
        async with connected(server, "127.0.0.1") as (one,):
            assert await is_answered(one)


def read_script(connection: socket.socket, pause: float = 0) -> int:
    """Read more than a megabyte, with a pause after each part. Return the number of bytes."""
    total = 0
    while total < 1_000_000:
        data = connection.recv(40_000)
        assert data, "the server has closed"
        total += len(data)
        time.sleep(pause)
    return total


async def test_a_client_that_reads_nothing_is_disconnected(server: LiveServer) -> None:
    with unread(server, SCRIPT) as slow:
        await asyncio.sleep(4)
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(read_script, slow)
        async with connected(server, *["127.0.0.1"] * 4) as all_of_them:
            for each in all_of_them:
                assert await is_answered(each)


async def test_a_slow_but_steady_reader_is_not_disconnected(
    server: LiveServer,
) -> None:
    # Reading it all takes longer than a client may read nothing.
    with unread(server, SCRIPT) as slow:
        began = time.monotonic()
        assert await asyncio.to_thread(read_script, slow, 0.01) > 1_000_000
        assert time.monotonic() - began > tcp.PROGRESS_SECONDS


@pytest.mark.parametrize(("descriptors", "left"), [(256, 128), (1024, RESERVED_DESCRIPTORS + 5)])
def test_connections_leave_descriptors_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, left: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert limits(5, behind_proxies=False).total == descriptors - left


def test_behind_proxies_connections_are_not_counted_by_address() -> None:
    alone, behind = limits(5, behind_proxies=False), limits(5, behind_proxies=True)
    assert alone.total == behind.total
    assert behind.per_address is None
    assert alone.per_address is not None
    assert alone.per_address <= alone.total // 4


class Idle:
    """A connection that stores whether it was evicted."""

    address = ""

    def __init__(self, idle_since: float | None) -> None:
        self.idle_since = idle_since
        self.is_evicted = False

    async def evict(self) -> None:
        self.is_evicted = True


async def test_clients_without_an_address_have_only_the_total_limit() -> None:
    connections = Connections(Limits(3, 1))
    first, *others = [Idle(since) for since in (5.0, 3.0, None)]
    assert [await connections.admit(each) for each in (first, *others)] == [True] * 3
    assert await connections.admit(Idle(None))
    assert [each.is_evicted for each in (first, *others)] == [False, True, False]
    assert await connections.admit(Idle(None))
    assert not await connections.admit(Idle(None))


async def test_new_connections_of_one_address_start_one_by_one() -> None:
    connections, started = Connections(LIMITS), list[str]()

    async def start(address: str) -> None:
        connection = Idle(None)
        connection.address = address
        await connections.start(connection)
        started.append(address)

    async with asyncio.TaskGroup() as group:
        for address in (OTHER, OTHER, OTHER, THIRD):
            group.create_task(start(address))
    assert started == [OTHER, THIRD, OTHER, OTHER]
