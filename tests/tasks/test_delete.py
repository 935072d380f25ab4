"""Story: I delete a task, and it is gone."""

import asyncio

import httpx

from tests.tasks.test_create_and_view import MISSING


async def test_a_deleted_task_is_gone(client: httpx.AsyncClient) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    deleted = await client.delete(address)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "Content-Type" not in deleted.headers
    assert "Content-Length" not in deleted.headers
    assert (await client.get(address)).status_code == 404
    assert (await client.get("/api/tasks")).json()["items"] == []


async def test_deleting_again_finds_nothing(client: httpx.AsyncClient) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    await client.delete(address)
    assert (await client.delete(address)).status_code == 404


async def test_one_of_many_deletions_wins(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
        answers = await asyncio.gather(*(client.delete(address) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [204] + [404] * 7


async def test_other_tasks_stay(client: httpx.AsyncClient) -> None:
    kept = (await client.post("/api/tasks", json={"title": "kept"})).json()
    gone = (await client.post("/api/tasks", json={"title": "gone"})).headers["Location"]
    await client.delete(gone)
    assert (await client.get("/api/tasks")).json()["items"] == [kept]


async def test_a_missing_or_impossible_id_cannot_be_deleted(client: httpx.AsyncClient) -> None:
    assert (await client.delete(MISSING)).status_code == 404
    assert (await client.delete("/api/tasks/42")).status_code == 422
