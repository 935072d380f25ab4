"""Story: I list my tasks, filter them by status, and walk the pages."""

import httpx
import pytest


async def make(client: httpx.AsyncClient, count: int) -> list[str]:
    """Create tasks. Return their ids, newest first."""
    ids: list[str] = []
    for n in range(count):
        created = await client.post("/api/tasks", json={"title": f"task {n}"})
        ids.insert(0, created.json()["id"])
    return ids


async def walk(client: httpx.AsyncClient, **parameters: str | int) -> list[list[str]]:
    """Walk all pages. Return the ids on each."""
    pages = []
    while True:
        response = await client.get("/api/tasks", params=parameters)
        assert response.status_code == 200
        pages.append([task["id"] for task in response.json()["items"]])
        if response.json()["next_cursor"] is None:
            return pages
        parameters["cursor"] = response.json()["next_cursor"]


async def test_tasks_are_listed_newest_first(client: httpx.AsyncClient) -> None:
    ids = await make(client, 3)
    assert await walk(client) == [ids]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1] * 6), (2, [2, 2, 2]), (4, [4, 2]), (6, [6]), (200, [6])]
)
async def test_pages_hold_every_task_once(
    client: httpx.AsyncClient, limit: int, sizes: list[int]
) -> None:
    ids = await make(client, 6)
    pages = await walk(client, limit=limit)
    assert [len(page) for page in pages] == sizes
    assert [id_ for page in pages for id_ in page] == ids


async def test_a_page_holds_fifty_tasks_by_default(client: httpx.AsyncClient) -> None:
    await make(client, 51)
    assert [len(page) for page in await walk(client)] == [50, 1]


@pytest.mark.parametrize(
    ("status", "expected"), [("all", [0, 1, 2, 3]), ("pending", [0, 2]), ("completed", [1, 3])]
)
async def test_tasks_are_filtered_by_status(
    client: httpx.AsyncClient, status: str, expected: list[int]
) -> None:
    ids = await make(client, 4)
    for n in (1, 3):
        await client.patch(f"/api/tasks/{ids[n]}/complete")
    pages = await walk(client, status=status, limit=1)
    assert [id_ for page in pages for id_ in page] == [ids[n] for n in expected]


async def test_pages_do_not_shift_when_tasks_come_and_go(client: httpx.AsyncClient) -> None:
    ids = await make(client, 4)
    first = (await client.get("/api/tasks", params={"limit": 2})).json()
    await make(client, 2)
    await client.delete(f"/api/tasks/{ids[1]}")
    rest = await walk(client, cursor=first["next_cursor"])
    assert rest == [ids[2:]]


async def test_a_cursor_is_good_only_under_its_filter(client: httpx.AsyncClient) -> None:
    await make(client, 2)
    cursor = (await client.get("/api/tasks?limit=1")).json()["next_cursor"]
    refused = await client.get("/api/tasks", params={"cursor": cursor, "status": "pending"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["parameter"] == "cursor"


async def test_every_fault_of_the_parameters_is_named(client: httpx.AsyncClient) -> None:
    refused = await client.get("/api/tasks?limit=x&status=y&cursor=z&nope=w")
    assert sorted(each["parameter"] for each in refused.json()["errors"]) == [
        "cursor",
        "limit",
        "nope",
        "status",
    ]
