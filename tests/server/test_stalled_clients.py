"""Clients that disconnect or stall disturb no other client, and leave no half change behind."""

import asyncio
from contextlib import suppress
from itertools import cycle

import httpx
import pytest

from tests.support.http1 import LIVE, connect, request
from tests.support.live_server import LiveServer
from tests.support.waiting import PATIENCE_SECONDS

TASK = b'{"title": "x"}'
JSON = "Content-Type: application/json"
CHUNKED = JSON, "Transfer-Encoding: chunked"


async def send(server: LiveServer, *pieces: bytes, pause: float = 0) -> bytes:
    """Send pieces with pauses. Return everything received until the server closes."""
    reader, writer = await connect(server)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("rest", [b"\r\n", LIVE, b"x" * 100_000])
@pytest.mark.parametrize("pause", [0, 0.003])
async def test_what_follows_the_last_request_does_not_spoil_its_answer(
    server: LiveServer, client: httpx.AsyncClient, user: str, rest: bytes, pause: float
) -> None:
    sent = request("POST /api/tasks", "Connection: close", user=user, body=TASK)
    response = await send(server, sent, rest, pause=pause)
    assert response.startswith(b"HTTP/1.1 201")
    assert response.count(b"HTTP/1.1") == 1
    assert len((await client.get("/api/tasks")).json()["items"]) == 1


async def test_pipelined_requests_are_answered_in_their_order(
    server: LiveServer, user: str
) -> None:
    pair = LIVE + request("GET /api/tasks", user=user)
    responses = await send(server, pair * 10 + b"nonsense\r\n\r\n")
    bodies = [responses.find(each) for each in (b'"alive"', b'"items"', b'"malformed_request"')]
    assert bodies == sorted(bodies)
    assert responses.count(b"HTTP/1.1 200") == 20
    assert responses.count(b"HTTP/1.1 400") == 1


@pytest.mark.parametrize("body", [b"zz\r\n", b"2\r\n{}\r\n0\r\n\r\n"])
async def test_a_deletion_with_a_body_is_refused_and_deletes_nothing(
    server: LiveServer, client: httpx.AsyncClient, user: str, body: bytes
) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    head = request(f"DELETE {address}", *CHUNKED, "Connection: close", user=user)
    # Repeat it: the response and the deletion raced once.
    responses = [await send(server, head, body, pause=0.001) for _ in range(20)]
    assert {response[:12] for response in responses} == {b"HTTP/1.1 400"}
    assert (await client.get(address)).status_code == 200


@pytest.mark.parametrize("first", [b"1\r\nx\r\n", b"3e80\r\n" + b"x" * 16_000 + b"\r\n"])
async def test_whoever_sends_more_than_is_read_is_answered_and_let_go(
    server: LiveServer, first: bytes
) -> None:
    head = request("POST /api/tasks", CHUNKED[1])
    flood = head + first * 16 + b"1\r\nx\r\n" * 40_000
    for _ in range(2):
        reader, writer = await connect(server)
        writer.write(flood)
        response = b""
        # The end is a reset if unread data is still in transit.
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                response = await reader.readuntil(b"\r\n\r\n")
                await reader.read()
        assert response.startswith(b"HTTP/1.1 401") or response == b""
        writer.close()


async def test_clients_that_leave_in_the_middle_leave_nothing_behind(
    server: LiveServer, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, user: str
) -> None:
    long = request("POST /api/tasks", JSON, "Content-Length: 5000", user=user)
    chunked = request("POST /api/tasks", *CHUNKED, user=user)
    oddities = cycle([b"", b"GET /api", long, long + b"{", chunked + b"fff\r\n{", LIVE * 9])

    async def be_odd(started: bytes, aborts: bool) -> None:
        _, writer = await connect(server)
        writer.write(started)
        await asyncio.sleep(0.1)
        if aborts:
            writer.transport.abort()
        writer.close()

    # Half of them have a request in flight, and a user may have 128.
    await asyncio.gather(*(be_odd(next(oddities), n % 2 == 0) for n in range(240)))
    assert (await anonymous.get("/health/live")).status_code == 200
    assert (await client.get("/api/tasks")).json()["items"] == []


async def test_a_connection_closed_by_its_client_is_closed_at_once(
    server: LiveServer,
) -> None:
    for answered in (False, True):
        reader, writer = await connect(server)
        if answered:
            writer.write(LIVE)
            await reader.readuntil(b"}\n")
        writer.write_eof()
        # An idle connection is closed after 20 seconds.
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
