"""Story: I deleted a task by mistake, and get it back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app import create_app
from app.database.database import Database
from app.settings import Settings
from app.tasks import deletions
from app.tasks.purge import purge
from tests.support.clients import async_client
from tests.support.live_server import LiveServer, live
from tests.tasks.sync_client import SyncClient, truth
from tests.tasks.test_change_tokens import age
from tests.tasks.test_fields import FULL, created, part
from tests.tasks.test_list import walk

CREATED_ONCE = ("created_at", "completed", "completed_at")


async def deleted(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    """Create and delete a task. Return it as it was."""
    task = await created(client, **fields)
    assert (await client.delete(f"/api/tasks/{task['id']}")).status_code == 204
    return task


async def restore(
    client: httpx.AsyncClient, task: dict[str, Any], if_match: str | None = None
) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return await client.post(f"/api/tasks/{task['id']}/restore", headers=headers)


async def trash(client: httpx.AsyncClient, **query: str | list[str]) -> list[dict[str, Any]]:
    response = await client.get("/api/tasks", params={"status": "deleted", **query})
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json()["items"]
    return items


@pytest.mark.parametrize(
    "fields",
    [
        {},
        FULL,
        {"due_at": "2026-12-01T08:00:00Z", "completed": True},
        {"description": "é" * 10_000},
    ],
    ids=["plain", "full", "timed", "long"],
)
async def test_a_restored_task_is_as_it_was(
    client: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    task = await deleted(client, **fields)
    response = await restore(client, task)
    assert response.status_code == 200
    restored = response.json()
    assert restored == {
        **task,
        "revision": task["revision"] + 2,
        "updated_at": restored["updated_at"],
    }
    assert restored["updated_at"] > task["updated_at"]
    assert response.headers["ETag"] == f'"{restored["revision"]}"'
    viewed = await client.get(f"/api/tasks/{task['id']}")
    assert viewed.content == response.content
    assert await trash(client) == []
    me = (await client.get("/api/me")).json()
    assert (me["task_count"], me["deleted_count"]) == (1, 0)
    # A restored task can be deleted and restored again.
    assert (await client.delete(f"/api/tasks/{task['id']}")).status_code == 204
    assert part((await restore(client, task)).json(), fields) == part(task, fields)


async def test_a_repeat_returns_the_task_as_it_is(client: httpx.AsyncClient) -> None:
    task = await deleted(client)
    revision = task["revision"] + 1
    first = await restore(client, task, f'"{revision}"')
    again = await restore(client, task, f'"{revision}"')
    assert (again.status_code, again.content) == (200, first.content)
    responses = await asyncio.gather(*(restore(client, task) for _ in range(6)))
    assert {response.content for response in responses} == {first.content}
    assert (await client.get("/api/me")).json()["revision"] == first.json()["revision"]


async def test_concurrent_restorations_have_one_effect(client: httpx.AsyncClient) -> None:
    task = await deleted(client)
    responses = await asyncio.gather(*(restore(client, task) for _ in range(8)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.content for response in responses}) == 1
    assert (await client.get("/api/me")).json()["task_count"] == 1


async def test_a_deletion_and_a_restoration_race_to_either_end(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        task = await created(client)
        gone, back = await asyncio.gather(
            client.delete(f"/api/tasks/{task['id']}"), restore(client, task)
        )
        assert (gone.status_code, back.status_code) == (204, 200)
        is_there = (await client.get(f"/api/tasks/{task['id']}")).status_code == 200
        assert len(await trash(client)) == (0 if is_there else 1)
        await restore(client, task)
        await client.delete(f"/api/tasks/{task['id']}")
        await restore(client, task)
        assert await trash(client) == []


async def test_nobody_else_can_restore_a_task(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    task = await deleted(client)
    absent = {"id": str(uuid4())}
    for each in (task, absent):
        refused = await restore(stranger, each)
        assert (refused.status_code, refused.json()["code"]) == (404, "task_not_found")
    assert await trash(stranger) == []
    assert (await restore(client, absent)).status_code == 404
    assert (await restore(client, task)).status_code == 200


async def test_a_precondition_is_the_revision_of_the_deletion(client: httpx.AsyncClient) -> None:
    task = await deleted(client)
    (shown,) = await trash(client)
    refused = await restore(client, task, f'"{task["revision"]}"')
    assert (refused.status_code, refused.json()["task"]) == (412, shown)
    assert refused.headers["ETag"] == f'"{shown["revision"]}"'
    assert (await restore(client, task, refused.headers["ETag"])).status_code == 200


async def test_an_erasure_is_final(client: httpx.AsyncClient, user: str) -> None:
    task = await deleted(client)
    await client.delete("/api/me", params={"confirm": user})
    await created(client)
    assert (await restore(client, task)).status_code == 404
    assert await trash(client) == []


async def test_deleted_tasks_are_listed_as_they_were(client: httpx.AsyncClient) -> None:
    kept = await created(client, **FULL)
    tasks = [await deleted(client, **FULL, title=f"task {n}") for n in range(3)]
    shown = await trash(client, sort="-updated_at")
    assert [each["id"] for each in shown] == [each["id"] for each in reversed(tasks)]
    for each, task in zip(shown, reversed(tasks), strict=True):
        assert each["updated_at"] > task["updated_at"]
        at = {name: each[name] for name in ("updated_at", "revision")}
        assert each == {**task, **at, "revision": task["revision"] + 1}
        assert (await client.get(f"/api/tasks/{task['id']}")).status_code == 404
    everything = (await client.get("/api/tasks")).json()["items"]
    assert everything == [kept]


async def test_the_list_of_deleted_tasks_has_every_order_and_filter(
    client: httpx.AsyncClient,
) -> None:
    fields: tuple[dict[str, Any], ...] = (
        {"due_on": "2026-12-01", "priority": "low", "position": "b", "labels": ["x", "y"]},
        {"due_at": "2026-12-01T00:00:01Z", "priority": "high", "labels": ["x"]},
        {"priority": "none", "position": "B", "description": "Milk"},
        {"priority": "medium", "position": "a", "completed": True},
    )
    ids = [(await deleted(client, **each))["id"] for each in fields]
    orders = {
        "created_at": [0, 1, 2, 3],
        "-updated_at": [3, 2, 1, 0],
        "due_at": [0, 1, 2, 3],
        "-due_at": [1, 0, 3, 2],
        "priority": [2, 0, 3, 1],
        "-position": [0, 3, 2, 1],
        "position": [2, 3, 0, 1],
    }
    for sort, due in orders.items():
        for limit in (1, 3, 50):
            pages = await walk(client, status="deleted", sort=sort, limit=limit)
            assert [id_ for page in pages for id_ in page] == [ids[n] for n in due], (sort, limit)
    filters: list[tuple[dict[str, Any], list[int]]] = [
        ({"q": "milk"}, [2]),
        ({"label": ["x", "y"]}, [0]),
        ({"label": "x"}, [0, 1]),
        ({"due_before": "2026-12-01T00:00:01Z"}, [0]),
        ({"due_after": "2026-12-01T00:00:00Z"}, [0, 1]),
    ]
    for query, due in filters:
        found = await trash(client, sort="created_at", **query)
        assert [each["id"] for each in found] == [ids[n] for n in due]
    cursor = (await client.get("/api/tasks?status=deleted&limit=1")).json()["next_cursor"]
    for status in ("all", "completed", ""):
        other = await client.get("/api/tasks", params={"status": status, "cursor": cursor})
        assert other.status_code == 422


async def test_a_long_list_of_deleted_tasks_ends_pages_at_a_megabyte(
    client: httpx.AsyncClient,
) -> None:
    for _ in range(26):
        await deleted(client, description="😀" * 10_000)
    pages = await walk(client, status="deleted", limit=200)
    assert [len(page) for page in pages] == [24, 2]


async def test_devices_see_a_restoration_as_a_change(client: httpx.AsyncClient) -> None:
    device, late = SyncClient(client), SyncClient(client)
    task = await created(client)
    await device.read()
    await client.delete(f"/api/tasks/{task['id']}")
    await device.read()
    assert device.tasks == {}
    await restore(client, task)
    for each in (device, late):
        await each.read()
        assert each.tasks == await truth(client)


async def test_the_feed_shows_no_content_of_a_deleted_task(client: httpx.AsyncClient) -> None:
    task = await created(client, **FULL)
    start = (await client.get("/api/tasks/changes")).json()["next"]
    await client.delete(f"/api/tasks/{task['id']}")
    page = (await client.get("/api/tasks/changes", params={"since": start})).json()
    assert page["changes"] == [
        {"revision": task["revision"] + 1, "id": task["id"], "deleted": True, "task": None}
    ]


@pytest.mark.parametrize("mode", ["all", "each"])
async def test_a_batch_restores_what_it_deleted(client: httpx.AsyncClient, mode: str) -> None:
    task, other = await created(client, **FULL), await deleted(client)
    operations = [
        {"op": "delete", "id": task["id"]},
        {"op": "restore", "id": task["id"]},
        {"op": "restore", "id": other["id"]},
    ]
    body, key = {"mode": mode, "operations": operations}, {"Idempotency-Key": "k"}
    response = await client.post("/api/tasks/batch", json=body, headers=key)
    _, first, second = response.json()["results"]
    assert (first["op"], first["status"], first["id"]) == ("restore", 200, task["id"])
    assert part(first["task"], FULL) == FULL
    assert second["task"]["id"] == other["id"]
    again = await client.post("/api/tasks/batch", json=body, headers=key)
    assert again.content == response.content
    missing = {"mode": mode, "operations": [{"op": "restore", "id": str(uuid4())}]}
    refused = await client.post("/api/tasks/batch", json=missing)
    assert refused.status_code == (404 if mode == "all" else 200)
    if mode == "each":
        assert refused.json()["results"][0]["problem"]["code"] == "task_not_found"


@pytest.fixture(scope="module")
def small(settings: Settings) -> Iterator[LiveServer]:
    """A server with a quota of two tasks for each user."""
    with live(create_app(settings.model_copy(update={"max_tasks_per_user": 2}))) as server:
        yield server


@pytest.fixture
async def limited(small: LiveServer, user: str) -> AsyncIterator[httpx.AsyncClient]:
    async with async_client(small, user) as client:
        yield client


async def test_a_restored_task_counts_towards_the_quota(limited: httpx.AsyncClient) -> None:
    task = await deleted(limited)
    others = [await created(limited) for _ in range(2)]
    refused = await restore(limited, task)
    assert (refused.status_code, refused.json()["code"]) == (409, "task_quota_reached")
    body = {
        "operations": [
            {"op": "delete", "id": others[0]["id"]},
            {"op": "restore", "id": task["id"]},
        ]
    }
    assert (await limited.post("/api/tasks/batch", json=body)).status_code == 200


OF_VERSION_0_2 = """
WITH gone AS (DELETE FROM tasks WHERE id = :id RETURNING user_id, id),
     owner AS (UPDATE users SET revision = revision + 1, task_count = task_count - 1
               FROM gone WHERE users.id = gone.user_id RETURNING users.id, users.revision)
INSERT INTO tombstones (user_id, id, revision) SELECT owner.id, gone.id, owner.revision
FROM gone, owner
"""


async def test_what_version_0_2_deletes_cannot_be_restored(
    client: httpx.AsyncClient, database: Database
) -> None:
    task = await created(client, **FULL)
    async with database.transaction() as connection:
        await connection.execute(text(OF_VERSION_0_2), {"id": task["id"]})
    assert await trash(client) == []
    assert (await restore(client, task)).status_code == 404
    assert (await client.get("/api/me")).json()["deleted_count"] == 0


AGE = "UPDATE users SET deleted_bytes_since = now() - interval '30 days' WHERE id = :user"
FILL = "UPDATE users SET deleted_bytes = :bytes WHERE id = :user"


async def test_beyond_its_budget_a_deletion_is_permanent(
    client: httpx.AsyncClient, database: Database, user: str
) -> None:
    small, large = await created(client), await created(client, description="x" * 10_000)
    async with database.transaction() as connection:
        almost = deletions.MAX_DELETED_BYTES - 5_000
        await connection.execute(text(FILL), {"bytes": almost, "user": user})
    for task in (large, small):
        assert (await client.delete(f"/api/tasks/{task['id']}")).status_code == 204
    assert [each["id"] for each in await trash(client)] == [small["id"]]
    assert (await restore(client, large)).status_code == 404
    assert (await restore(client, small)).status_code == 200
    # After 30 days, a new period begins.
    async with database.transaction() as connection:
        await connection.execute(text(AGE), {"user": user})
    again = await deleted(client, description="x" * 10_000)
    assert (await restore(client, again)).status_code == 200


async def test_the_budget_counts_what_is_stored(
    client: httpx.AsyncClient, database: Database, user: str
) -> None:
    charged = text("SELECT deleted_bytes FROM users WHERE id = :user")
    for fields, size in (
        ({}, 200),
        ({"description": "é" * 5_000}, 10_000),
        ({"extra": {"x": "y" * 4_000}, "labels": ["z" * 50] * 1}, 4_050),
    ):
        async with database.transaction() as connection:
            await connection.execute(text(FILL), {"bytes": 0, "user": user})
        await deleted(client, **fields)
        async with database.transaction() as connection:
            found = (await connection.execute(charged, {"user": user})).scalar_one()
        assert size <= found <= size + 300


async def test_a_cached_trash_is_not_valid_after_a_purge(
    client: httpx.AsyncClient, database: Database, user: str
) -> None:
    await deleted(client)
    listed = await client.get("/api/tasks", params={"status": "deleted"})

    async def again() -> httpx.Response:
        known = {"If-None-Match": listed.headers["ETag"]}
        return await client.get("/api/tasks", params={"status": "deleted"}, headers=known)

    assert (await again()).status_code == 304
    # The purge makes no revision.
    await age(database, user, days=31)
    await purge(database)
    assert (await again()).json()["items"] == []


async def test_counts_follow_every_change(client: httpx.AsyncClient) -> None:
    async def counts() -> tuple[int, ...]:
        me = (await client.get("/api/me")).json()
        return tuple(me[f"{name}_count"] for name in ("task", "pending", "completed", "deleted"))

    assert await counts() == (0, 0, 0, 0)
    task = await created(client)
    await created(client, completed=True)
    assert await counts() == (2, 1, 1, 0)
    await client.patch(f"/api/tasks/{task['id']}/complete")
    assert await counts() == (2, 0, 2, 0)
    await client.delete(f"/api/tasks/{task['id']}")
    assert await counts() == (1, 0, 1, 1)
    await restore(client, task)
    assert await counts() == (2, 0, 2, 0)
