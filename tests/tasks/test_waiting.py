"""Story: my other device gets a change when I make it, without asking again and again."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from app.live.waiters import EARLY, MAX_OF_A_USER, Waiters
from tests.support.driver import recorded_statements
from tests.support.http1 import connect, request
from tests.support.live_server import LiveServer
from tests.support.waiting import until
from tests.tasks.sync_client import create

CHANGES = "/api/tasks/changes"
LONG = 20
"""Seconds that no test waits."""


@pytest.fixture
def waiters(server: LiveServer) -> Waiters:
    return server.app.services.waiters


async def token(client: httpx.AsyncClient) -> str:
    page: dict[str, str] = (await client.get(CHANGES)).json()
    return page["next"]


def wait(client: httpx.AsyncClient, **query: Any) -> "asyncio.Task[httpx.Response]":  # noqa: ANN401
    return asyncio.create_task(client.get(CHANGES, params={"wait": LONG, **query}))


async def test_the_response_comes_with_the_first_change(
    client: httpx.AsyncClient, waiters: Waiters
) -> None:
    task = (await create(client))[0]
    for change in (
        client.post("/api/tasks", json={"title": "new"}),
        client.patch(task, json={"title": "updated"}),
        client.post(
            "/api/tasks/batch", json={"operations": [{"op": "create", "task": {"title": "x"}}]}
        ),
        client.post("/api/tasks", json={"title": "y"}, headers={"Idempotency-Key": "a"}),
        client.delete(task),
    ):
        waiting = wait(client, since=await token(client))
        await until(lambda: waiters.count == 1)
        changed = await change
        page = (await waiting).json()
        assert len(page["changes"]) == 1
        assert changed.is_success
        assert page["has_more"] is False


async def test_the_response_is_empty_when_the_time_is_over(client: httpx.AsyncClient) -> None:
    await create(client)
    since = await token(client)
    began = time.monotonic()
    page = (await wait(client, since=since, wait=1)).json()
    assert 1 - EARLY <= time.monotonic() - began < LONG
    assert page == {"changes": [], "next": since, "has_more": False}


async def test_waits_that_begin_at_once_do_not_end_at_once(client: httpx.AsyncClient) -> None:
    async def seconds() -> float:
        began = time.monotonic()
        assert (await wait(client, wait=1)).json()["changes"] == []
        return time.monotonic() - began

    taken = await asyncio.gather(*(seconds() for _ in range(12)))
    assert max(taken) - min(taken) > EARLY / 10


async def test_changes_that_are_there_come_at_once(
    client: httpx.AsyncClient, waiters: Waiters
) -> None:
    since = await token(client)
    await create(client)
    for query in ({"since": since}, {}):
        async with asyncio.timeout(LONG - 5):
            assert len((await wait(client, **query)).json()["changes"]) == 1
    assert waiters.count == 0


@pytest.mark.parametrize("has_token", [True, False])
async def test_a_user_without_data_can_wait(
    client: httpx.AsyncClient, waiters: Waiters, has_token: bool
) -> None:
    waiting = wait(client, **({"since": await token(client)} if has_token else {}))
    await until(lambda: waiters.count == 1)
    await create(client)
    assert len((await waiting).json()["changes"]) == 1


async def test_an_erasure_ends_the_wait_with_410(
    client: httpx.AsyncClient, user: str, waiters: Waiters
) -> None:
    await create(client)
    waiting = wait(client, since=await token(client))
    await until(lambda: waiters.count == 1)
    await client.delete("/api/me", params={"confirm": user})
    assert (await waiting).status_code == 410


async def test_one_of_many_requests_looks_when_nothing_changed(
    client: httpx.AsyncClient, waiters: Waiters
) -> None:
    task = (await create(client))[0]
    since = await token(client)
    waiting = [wait(client, since=since) for _ in range(10)]
    await until(lambda: waiters.count == 10)
    with recorded_statements() as sent:
        await client.patch(task, json={})
        await client.patch(task, json={"title": "task 0"})
        await client.get(task)
        # Each of the two changes, which change nothing, takes one read.
        await until(lambda: waiters.count == 10)
        assert sum("feed_floor" in each.sql for each in sent) <= 2
        await client.patch(task, json={"title": "new"})
    pages = [each.json() for each in await asyncio.gather(*waiting)]
    assert [len(page["changes"]) for page in pages] == [1] * 10
    assert waiters.users == []


async def test_a_change_of_another_user_is_no_signal(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, waiters: Waiters
) -> None:
    waiting = wait(client, wait=1)
    await until(lambda: waiters.count == 1)
    with recorded_statements() as sent:
        await create(stranger)
        assert (await waiting).json()["changes"] == []
    assert not any("feed_floor" in each.sql for each in sent)


async def test_a_user_can_have_so_many_waiting_requests(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, waiters: Waiters
) -> None:
    waiting = [wait(client) for _ in range(MAX_OF_A_USER)]
    await until(lambda: waiters.count == MAX_OF_A_USER)
    refused = await wait(client)
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_waiting"
    assert int(refused.headers["Retry-After"]) > 0
    others = wait(stranger)
    await until(lambda: waiters.count == MAX_OF_A_USER + 1)
    # A change is returned nevertheless, and makes room.
    await create(client)
    assert (await wait(client)).status_code == 200
    assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
    await create(stranger)
    assert (await others).status_code == 200


async def test_a_process_can_have_so_many_waiting_requests(
    client: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    waiters: Waiters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiters, "limit", 1)
    waiting = wait(client)
    await until(lambda: waiters.count == 1)
    assert (await wait(stranger)).json()["code"] == "too_many_waiting"
    await create(client)
    assert (await waiting).status_code == 200
    assert (await wait(stranger, wait=1)).status_code == 200


async def test_a_waiting_request_holds_nothing_but_its_socket(
    server: LiveServer, client: httpx.AsyncClient, user: str, waiters: Waiters
) -> None:
    before = int((await client.get(CHANGES)).headers["RateLimit"].partition("r=")[2].split(";")[0])
    waiting = [wait(client) for _ in range(3)]
    await until(lambda: waiters.count == 3)
    services = server.app.services
    await until(lambda: services.database.usage.in_use == 0)
    flight = services.in_flight.enter(user)
    flight.requests -= 1
    await until(lambda: flight.requests == 0)
    await create(client)
    await asyncio.gather(*waiting)
    await until(lambda: flight.requests == 0)  # it ends after its response
    after = int((await client.get(CHANGES)).headers["RateLimit"].partition("r=")[2].split(";")[0])
    assert before - after == len(waiting) + 2


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_disconnects_is_forgotten(
    server: LiveServer, user: str, waiters: Waiters, version: str, how: str
) -> None:
    _, writer = await connect(server)
    sent = request(f"GET {CHANGES}?wait={LONG}", user=user)
    writer.write(sent.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1))
    await until(lambda: waiters.count == 1)
    if how == "reset":
        writer.transport.abort()
    writer.close()
    await until(lambda: waiters.users == [], LONG - 10)


async def test_a_half_closed_client_gets_its_response_at_once(
    server: LiveServer, user: str, waiters: Waiters
) -> None:
    reader, writer = await connect(server)
    writer.write(request(f"GET {CHANGES}?wait={LONG}", user=user))
    await until(lambda: waiters.count == 1)
    writer.write_eof()
    async with asyncio.timeout(LONG - 10):
        received = await reader.read()
    assert b"200" in received
    assert received.endswith(b'"has_more":false}\n')
    writer.close()


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_request_behind_a_wait_ends_it(
    server: LiveServer, user: str, waiters: Waiters, is_late: bool
) -> None:
    # Otherwise the server would not notice that this client disconnects: hours of waits remain.
    reader, writer = await connect(server)
    writer.write(request(f"GET {CHANGES}?wait={LONG}", user=user) * (1 if is_late else 100))
    if is_late:
        await until(lambda: waiters.count == 1)
        writer.write(request("GET /health/live", "Connection: close"))
        async with asyncio.timeout(LONG - 10):
            received = await reader.read()
        assert received.count(b"HTTP/1.1 200") == 2
    writer.close()
    await until(lambda: waiters.users == [], LONG - 10)


@pytest.mark.parametrize("value", ["-1", "51", "1.5", "x", "1e1"])
async def test_wait_is_a_whole_number_of_seconds(client: httpx.AsyncClient, value: str) -> None:
    response = await client.get(CHANGES, params={"wait": value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "wait"
