"""Story: when a process stops, a waiting client gets an early response, and asks again."""

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack

import httpx

from app import create_app
from app.settings import Settings
from tests.support.clients import async_client
from tests.support.live_server import live
from tests.support.waiting import until

CHANGES = "/api/tasks/changes"
LONG = 30
"""Seconds that no test waits."""
USERS, DEVICES = 4, 30
"""More requests than end in one turn of the event loop."""


async def wait(client: httpx.AsyncClient, seconds: int = LONG) -> httpx.Response:
    response = await client.get(CHANGES, params={"wait": seconds})
    assert response.json()["changes"] == []
    return response


async def test_all_waits_end_when_the_process_stops(settings: Settings, user: str) -> None:
    with ExitStack() as running:
        server = running.enter_context(live(create_app(settings)))
        waiters = server.app.services.waiters
        async with asyncio.timeout(LONG - 10), AsyncExitStack() as opened:
            clients = [
                await opened.enter_async_context(async_client(server, f"{user}-{number}"))
                for number in range(USERS)
            ]
            # A drain begins: load balancers still send requests, which can wait again.
            waiting = [asyncio.create_task(wait(each)) for each in clients * DEVICES]
            await until(lambda: waiters.count == USERS * DEVICES)
            server.app.services.stopping.set()
            assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
            waiting = [asyncio.create_task(wait(each)) for each in clients * DEVICES]
            await until(lambda: waiters.count == USERS * DEVICES)
            # It ends: no client may come back to this process.
            stopped = asyncio.create_task(asyncio.to_thread(running.close))
            ended = await asyncio.gather(*waiting)
            assert {each.headers["Connection"] for each in ended} == {"close"}
            await stopped


async def test_a_wait_can_take_longer_than_a_connection_may_be_idle(
    settings: Settings, user: str
) -> None:
    with live(create_app(settings), keep_alive_seconds=1) as server:
        async with async_client(server, user) as client:
            began = time.monotonic()
            await wait(client, seconds=3)
            assert time.monotonic() - began >= 2  # a wait ends up to a fifth early
