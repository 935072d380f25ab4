"""A body that arrives faster than it is read waits, and ends with its request."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, HTTPRequestEvent
from pydantic import HttpUrl

from app import create_app
from app.server.http import serving
from app.server.http.connections import Limits
from app.server.http.lean import LeanTaskGroup
from app.settings import Settings
from tests.support.http1 import LIVE, connect, request
from tests.support.key_server import KeyServer, key_server
from tests.support.keys import sign_with_key
from tests.support.live_server import LiveServer, live
from tests.support.tokens import ISSUER, claims_for
from tests.support.waiting import PATIENCE_SECONDS, until

PIECE = b"x" * 65_536
PIECES = 40
"""More than the queue of a request takes."""


@pytest.fixture
def published() -> Iterator[KeyServer]:
    """Publish keys slowly, so that a request waits while its body arrives."""
    with key_server() as server:
        server.seconds = 0.5
        yield server


@pytest.fixture
def server(
    settings: Settings, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    """Serve one connection."""
    monkeypatch.setattr(serving, "limits", lambda *_, **__: Limits(total=1, per_address=1))
    changes = {
        "better_auth_secret": None,
        "jwks_url": HttpUrl(published.url),
        "jwt_issuer": (ISSUER["iss"],),
        "jwt_audience": (ISSUER["aud"],),
    }
    with live(create_app(settings.model_copy(update=changes))) as running:
        yield running


async def test_a_long_body_that_is_not_read_frees_its_connection(server: LiveServer) -> None:
    token = sign_with_key(claims_for("ada", **ISSUER), "EdDSA", 1)
    length = f"Content-Length: {len(PIECE) * PIECES * 10}"
    head = request("POST /api/tasks", "Content-Type: application/json", length, token=token)
    reader, writer = await connect(server)
    writer.write(head + PIECE * PIECES)
    # The server resets the connection if the client still sends after the response.
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
            await reader.read()
    writer.close()
    await until(lambda: is_served(server))


async def test_a_body_waits_until_the_request_takes_it() -> None:
    config = Config()
    config.max_app_queue_size = 3
    events = [
        HTTPRequestEvent(type="http.request", body=b"%d" % number, more_body=True)
        for number in range(20)
    ]
    may_receive, sent, received = asyncio.Event(), list[object](), list[object]()

    async def app(_: object, receive: ASGIReceiveCallable, *__: object) -> None:
        await may_receive.wait()
        while len(received) < len(events):
            received.append(await receive())

    async def ignore(_: object) -> None:
        pass

    async with asyncio.timeout(PATIENCE_SECONDS), TaskGroup(asyncio.get_running_loop()) as group:
        arguments: Any = app, config, {}, ignore
        put = await LeanTaskGroup(group).spawn_app(*arguments)

        async def send() -> None:
            for event in events:
                await put(event)
                sent.append(event)

        sending = asyncio.create_task(send())
        await asyncio.sleep(0.05)
        assert sent == events[: config.max_app_queue_size]
        may_receive.set()
        await sending
    assert received == events


async def is_served(server: LiveServer) -> bool:
    """Return whether the server accepts another connection."""
    reader, writer = await connect(server)
    try:
        writer.write(LIVE)
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
    finally:
        writer.close()
