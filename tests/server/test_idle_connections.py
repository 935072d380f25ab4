"""How long a connection may be idle, and what may arrive before a request."""

import asyncio
import time

import pytest

from app import create_app
from app.server.http import tcp
from app.settings import Settings
from tests.support.http1 import LIVE, connect, request
from tests.support.live_server import LiveServer, live

IDLE_SECONDS = 1.5
HEAD_SECONDS = 0.5


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Return the first line of the next response, which has a short JSON body."""
    async with asyncio.timeout(20):
        return (await reader.readuntil(b"}\n")).split(b"\r\n")[0]


async def test_an_idle_connection_is_closed_after_its_time(settings: Settings) -> None:
    with live(create_app(settings), IDLE_SECONDS) as server:
        began = time.monotonic()
        (unused, first), (used, second) = await connect(server), await connect(server)
        second.write(LIVE)
        assert await answer(used) == b"HTTP/1.1 200 "
        async with asyncio.timeout(20):
            assert [await unused.read(), await used.read()] == [b"", b""]
        assert time.monotonic() - began >= IDLE_SECONDS
        first.close()
        second.close()


async def test_a_head_that_begins_late_is_answered(settings: Settings) -> None:
    with live(create_app(settings), IDLE_SECONDS) as server:
        reader, writer = await connect(server)
        for part in (LIVE, LIVE[:20], LIVE[20:]):
            writer.write(part)
            if part != LIVE[:20]:
                assert await answer(reader) == b"HTTP/1.1 200 "
            await asyncio.sleep(0.75 * IDLE_SECONDS)
        writer.close()


@pytest.mark.parametrize("before", [b"", LIVE])
async def test_a_slow_head_is_limited_however_long_idle_is_allowed(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(tcp, "HEAD_SECONDS", HEAD_SECONDS)
    (reader, writer), (idle, waiting) = await connect(server), await connect(server)
    if before:
        writer.write(before)
        assert await answer(reader) == b"HTTP/1.1 200 "

    async def send_slowly() -> None:
        for number in range(1000):
            writer.write(LIVE[:16] if number == 0 else b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    began = time.monotonic()
    with pytest.raises(ConnectionError):
        await send_slowly()
    assert time.monotonic() - began >= HEAD_SECONDS
    waiting.write(LIVE)
    assert await answer(idle) == b"HTTP/1.1 200 "
    writer.close()
    waiting.close()


async def test_a_request_after_a_slow_head_has_its_own_time(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "HEAD_SECONDS", HEAD_SECONDS)
    reader, writer = await connect(server)
    for _ in range(3):
        for part in (LIVE[:20], LIVE[20:]):
            writer.write(part)
            await asyncio.sleep(0.6 * HEAD_SECONDS)
        assert await answer(reader) == b"HTTP/1.1 200 "
    writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (b"\r\n", LIVE),
        (b"\n", LIVE),
        (b"\r", b"\n", b"\r\n", LIVE),
        (b"\r\n\r\n\r\n\r\n" + LIVE, b""),
        # Some clients send a line break after a body, which its length does not count.
        (request("POST /api/tasks", body=b"{}") + b"\r\n", LIVE),
        (request("POST /api/tasks", body=b"{}"), b"\r\n", LIVE),
    ],
)
async def test_empty_lines_before_a_request_are_ignored(
    server: LiveServer, pieces: tuple[bytes, ...]
) -> None:
    reader, writer = await connect(server)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)
    async with asyncio.timeout(20):
        received = await reader.readuntil(b'{"status":"alive"}\n')
    assert received.count(b"HTTP/1.1 4") == pieces[0].count(b"POST")
    assert b"HTTP/1.1 200 " in received
    writer.close()
