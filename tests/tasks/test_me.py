"""Story: I see how much data I have, and erase it."""

import asyncio
from uuid import uuid4

import httpx
from sqlalchemy import func, select

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.tasks.models import metadata
from app.tasks.wall import WALL


async def test_the_counts_follow_every_change(client: httpx.AsyncClient, user: str) -> None:
    first = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    await client.post("/api/tasks", json={"title": "x"})
    await client.patch(f"{first}/complete")
    await client.delete(first)
    assert (await client.get("/api/me")).json() == {
        "user_id": user,
        "task_count": 1,
        "pending_count": 1,
        "completed_count": 0,
        "deleted_count": 1,
        "max_tasks": 100_000,
        "revision": 4,
    }


async def test_erasure_leaves_no_row_of_the_user_in_any_table(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, user: str, database_url: DatabaseUrl
) -> None:
    for each in (client, stranger):
        for _ in range(3):
            headers = {"Idempotency-Key": str(uuid4())}
            made = await each.post("/api/tasks", json={"title": "x"}, headers=headers)
        await each.delete(made.headers["Location"])
    kept = {"users": 1, "tasks": 2, "idempotency_keys": 3, "tombstones": 1, "erasures": 0}
    assert await rows_of(user, database_url) == kept

    erased = await client.delete("/api/me", params={"confirm": user})
    assert (erased.status_code, erased.content) == (204, b"")
    assert await rows_of(user, database_url) == dict.fromkeys(metadata.tables, 0)
    assert (await client.get("/api/tasks")).json() == {"items": [], "next_cursor": None}
    assert len((await stranger.get("/api/tasks")).json()["items"]) == 2


async def test_erasure_can_be_repeated_and_the_user_can_begin_anew(
    client: httpx.AsyncClient,
    user: str,
) -> None:
    await client.post("/api/tasks", json={"title": "x"})
    for _ in range(3):
        assert (await client.delete("/api/me", params={"confirm": user})).status_code == 204
    assert (await client.post("/api/tasks", json={"title": "x"})).json()["revision"] == 1


async def test_erasure_while_tasks_are_made_leaves_the_counts_right(
    client: httpx.AsyncClient,
    user: str,
) -> None:
    for _ in range(5):
        posts = [client.post("/api/tasks", json={"title": "x"}) for _ in range(8)]
        responses = await asyncio.gather(*posts, client.delete("/api/me", params={"confirm": user}))
        assert {each.status_code for each in responses} == {201, 204}
        tasks = (await client.get("/api/tasks")).json()["items"]
        assert (await client.get("/api/me")).json()["task_count"] == len(tasks)


async def rows_of(user: str, url: DatabaseUrl) -> dict[str, int]:
    """Return the number of rows of a user in each table, read without the user's role."""
    database = Database(url, pool_size=1, wall=WALL)
    found = {}
    async with database.transaction() as connection:
        for name, table in metadata.tables.items():
            owner = table.c[WALL.owner_columns[name]]
            count = select(func.count()).where(owner == user)
            found[name] = (await connection.execute(count)).scalar_one()
    await database.close()
    return found
