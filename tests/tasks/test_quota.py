"""Story: no user can have more tasks than the limit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest

from app import create_app
from app.settings import Settings
from tests.support.clients import async_client
from tests.support.driver import recorded_statements
from tests.support.live_server import LiveServer, live

QUOTA = 10


@pytest.fixture(scope="module")
def sparing(settings: Settings) -> Iterator[LiveServer]:
    """Serve with a small limit of tasks."""
    with live(create_app(settings.model_copy(update={"max_tasks_per_user": QUOTA}))) as server:
        yield server


@pytest.fixture
async def limited(sparing: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a user of that server."""
    async with async_client(sparing, f"user-{uuid4()}") as client:
        yield client


async def post(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/tasks", json={"title": "x"})


async def test_the_quota_is_exact_however_many_are_created_at_once(
    limited: httpx.AsyncClient,
) -> None:
    responses = await asyncio.gather(*(post(limited) for _ in range(4 * QUOTA)))
    assert sorted(each.status_code for each in responses) == [201] * QUOTA + [409] * 3 * QUOTA
    assert len((await limited.get("/api/tasks")).json()["items"]) == QUOTA
    me = (await limited.get("/api/me")).json()
    # A rejected request is no change, so it takes no revision.
    assert (me["task_count"], me["max_tasks"], me["revision"]) == (QUOTA, QUOTA, QUOTA)


async def test_a_task_that_is_deleted_makes_room_for_another(limited: httpx.AsyncClient) -> None:
    tasks = [(await post(limited)).headers["Location"] for _ in range(QUOTA)]
    refused = await post(limited)
    assert (refused.status_code, refused.json()["code"]) == (409, "task_quota_reached")
    await limited.delete(tasks[3])
    assert (await post(limited)).status_code == 201
    assert (await post(limited)).status_code == 409


async def test_who_has_all_tasks_can_still_change_them(limited: httpx.AsyncClient) -> None:
    tasks = [(await post(limited)).headers["Location"] for _ in range(QUOTA)]
    assert (await limited.put(tasks[0], json={"title": "y"})).status_code == 200
    assert (await limited.patch(f"{tasks[0]}/complete")).status_code == 200


@pytest.mark.usefixtures("one_postgresql")
async def test_the_quota_costs_no_statement(limited: httpx.AsyncClient) -> None:
    with recorded_statements() as sent:
        await post(limited)
    assert len(sent) == 1
