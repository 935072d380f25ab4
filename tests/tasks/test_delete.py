"""Story: I delete a task, and it is gone."""

import asyncio

import httpx


async def test_a_deleted_task_is_gone(client: httpx.AsyncClient) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    deleted = await client.delete(address)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "Content-Type" not in deleted.headers
    assert "Content-Length" not in deleted.headers
    assert (await client.get(address)).status_code == 404
    assert (await client.get("/api/tasks")).json()["items"] == []


async def test_one_of_many_deletions_wins(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
        responses = await asyncio.gather(*(client.delete(address) for _ in range(8)))
        assert sorted(response.status_code for response in responses) == [204] + [404] * 7
