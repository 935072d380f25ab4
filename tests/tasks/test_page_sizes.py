"""Story: my tasks are long, and every page still arrives soon, because it ends at about 1 MB."""

from typing import Any

import httpx
import pytest

from app.tasks.page_sizes import PAGE_OCTETS
from tests.tasks.sync_client import SyncClient, truth
from tests.tasks.test_list import walk

COUNT = 40
LONGEST = "\N{WINKING FACE}" * 10_000
"""40,000 octets: 24 such tasks fit on a page with their titles, 25 do not."""
FIT = 24
LABELS = [f"{n:02}".rjust(50, "\N{WINKING FACE}") for n in range(20)]
EXTRA = {"x": "y" * 4088}
"""With LABELS, 8,096 octets: 123 such tasks fit on a page with their titles, 124 do not."""
MANY, FEW = 130, 123


@pytest.fixture
async def tasks(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Create tasks, most of them as long as possible. Return them in the order of creation."""
    made: list[dict[str, Any]] = []
    for first in range(0, COUNT, 5):
        operations = [
            {"op": "create", "task": {"title": f"task {n}", "description": LONGEST} | due(n)}
            for n in range(first, first + 5)
        ]
        response = await client.post("/api/tasks/batch", json={"operations": operations})
        assert response.status_code == 200, response.text
        made += [each["task"] for each in response.json()["results"]]
    return made


@pytest.fixture
async def labelled(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Create tasks with as many labels and as much `extra` as possible, and return them."""
    made: list[dict[str, Any]] = []
    for first in range(0, MANY, 26):
        operations = [
            {"op": "create", "task": {"title": f"task {n}", "labels": LABELS, "extra": EXTRA}}
            for n in range(first, first + 26)
        ]
        response = await client.post("/api/tasks/batch", json={"operations": operations})
        assert response.status_code == 200, response.text
        made += [each["task"] for each in response.json()["results"]]
    return made


def due(number: int) -> dict[str, str]:
    return {"due_at": f"2030-01-{1 + number % 20:02}T00:00:00Z"} if number % 2 else {}


async def test_pages_of_long_tasks_end_at_about_a_megabyte(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    for limit in (200, 50, 25):
        pages = await walk(client, limit=limit, sort="created_at")
        assert [len(page) for page in pages] == [FIT, COUNT - FIT]
        assert [id_ for page in pages for id_ in page] == [task["id"] for task in tasks]
    response = await client.get("/api/tasks", params={"limit": 200})
    assert 0.9 * PAGE_OCTETS < len(response.content) < 1.1 * PAGE_OCTETS
    assert response.links["next"]["url"].endswith(response.json()["next_cursor"])


async def test_a_page_ends_at_its_limit_if_that_comes_before_its_size(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    assert len(tasks) == COUNT
    pages = await walk(client, limit=FIT - 1)
    assert [len(page) for page in pages] == [FIT - 1, COUNT - FIT + 1]


@pytest.mark.parametrize("sort", ["due_at", "-due_at", "-created_at", "updated_at"])
async def test_cut_pages_hold_every_task_once_in_every_order(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]], sort: str
) -> None:
    name, descends = sort.removeprefix("-"), sort.startswith("-")
    dated = [task for task in tasks if task[name] is not None]
    undated = [task for task in tasks if task[name] is None]
    dated.sort(key=lambda task: (task[name], task["id"]), reverse=descends)
    undated.sort(key=lambda task: task["id"], reverse=descends)
    pages = await walk(client, limit=200, sort=sort)
    assert len(pages) > 1
    assert [id_ for page in pages for id_ in page] == [task["id"] for task in dated + undated]


async def test_short_tasks_between_long_ones_are_listed_once_too(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    for task in tasks[::2]:
        await client.patch(f"/api/tasks/{task['id']}", json={"description": None})
    pages = await walk(client, limit=200, sort="created_at")
    # 20 of the 40 tasks are long. They fit on one page.
    assert pages == [[task["id"] for task in tasks]]


async def test_a_cut_page_of_changes_skips_no_change(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    beginner, reader = SyncClient(client), SyncClient(client)
    assert await reader.read_page()
    assert len(reader.told) == FIT
    for task in tasks[:3] + tasks[-3:]:
        await client.delete(f"/api/tasks/{task['id']}")
    for task in tasks[5:8]:
        await client.patch(f"/api/tasks/{task['id']}/complete")
    for copy in (beginner, reader):
        await copy.read()
        assert copy.tasks == await truth(client)
        assert copy.told == sorted(copy.told)
    assert len(set(reader.told)) == len(reader.told)
    reader.told.clear()
    assert not await reader.read_page()
    assert reader.told == []


async def test_pages_of_labels_and_extra_end_at_a_megabyte(
    client: httpx.AsyncClient, labelled: list[dict[str, Any]]
) -> None:
    ids = [task["id"] for task in labelled]
    for query in ({"sort": "created_at"}, {"sort": "priority"}, {"label": LABELS[7]}):
        pages = await walk(client, limit=200, **query)
        assert [len(page) for page in pages] == [FEW, MANY - FEW]
        assert sorted(id_ for page in pages for id_ in page) == sorted(ids)
    response = await client.get("/api/tasks", params={"limit": 200, "sort": "created_at"})
    assert_is_cut(response, response.json()["items"], labelled)


async def test_a_page_of_changes_with_labels_ends_at_a_megabyte(
    client: httpx.AsyncClient, labelled: list[dict[str, Any]]
) -> None:
    response = await client.get("/api/tasks/changes", params={"limit": 200})
    assert_is_cut(response, [each["task"] for each in response.json()["changes"]], labelled)
    reader = SyncClient(client)
    await reader.read()
    assert reader.told == [task["revision"] for task in labelled]
    assert reader.tasks == await truth(client)


async def test_a_page_of_deleted_tasks_ends_at_about_a_megabyte(
    client: httpx.AsyncClient, labelled: list[dict[str, Any]]
) -> None:
    operations = [{"op": "delete", "id": task["id"]} for task in labelled]
    for first in range(0, MANY, 100):
        part = operations[first : first + 100]
        await client.post("/api/tasks/batch", json={"operations": part})
    query = {"status": "deleted", "sort": "created_at"}
    pages = await walk(client, limit=200, **query)
    assert [len(page) for page in pages] == [FEW, MANY - FEW]
    assert [id_ for page in pages for id_ in page] == [task["id"] for task in labelled]
    response = await client.get("/api/tasks", params={"limit": 200, **query})
    changed = [
        task | {name: each[name] for name in ("revision", "updated_at")}
        for task, each in zip(labelled, response.json()["items"], strict=False)
    ]
    assert_is_cut(response, response.json()["items"], changed)


def assert_is_cut(
    response: httpx.Response, items: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    """Assert that a page has the first of the expected tasks, with all of their fields."""
    assert items == expected[:FEW]
    assert 0.9 * PAGE_OCTETS < len(response.content) < 1.1 * PAGE_OCTETS
