"""Story: each of my devices learns what the others did, also what they deleted."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.url import DatabaseUrl
from app.tasks.purge import purge

WRITERS = 8
Changes = list[dict[str, Any]]


class Copy:
    """The tasks of a user as a reader of the feed knows them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.tasks: dict[str, Any] = {}
        self.told: list[int] = []
        self.since: str | None = None

    async def read_page(self, limit: int = 200) -> bool:
        """Read some changes; answer whether there are more."""
        given = {"since": self.since} if self.since else {}
        answer = await self._client.get("/api/tasks/changes", params={"limit": limit, **given})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for change in page["changes"]:
            self.told.append(change["revision"])
            if change["deleted"]:
                assert change["task"] is None
                self.tasks.pop(change["id"], None)
            else:
                assert change["task"]["revision"] == change["revision"]
                self.tasks[change["id"]] = change["task"]
        self.since = page["next"]
        more: bool = page["has_more"]
        return more

    async def read(self, limit: int = 200) -> None:
        """Read until there is no more."""
        while await self.read_page(limit):
            pass


async def truth(client: httpx.AsyncClient) -> dict[str, Any]:
    """The tasks as they are listed."""
    found: dict[str, Any] = {}
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = (await client.get("/api/tasks", params=query)).json()
        found |= {task["id"]: task for task in page["items"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def create(client: httpx.AsyncClient, count: int = 1) -> list[str]:
    made = [await client.post("/api/tasks", json={"title": f"task {n}"}) for n in range(count)]
    return [each.headers["Location"] for each in made]


@pytest.fixture
async def database(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=1)
    yield database
    await database.close()


async def age(database: Database, user: str, days: int) -> None:
    """Make all deletions of a user as old as this."""
    sql = "UPDATE tombstones SET deleted_at = now() - make_interval(days => :days)"
    async with database.transaction() as connection:
        await connection.execute(text(f"{sql} WHERE user_id = :user"), {"days": days, "user": user})


async def test_the_first_call_lists_everything_there_is_oldest_change_first(
    client: httpx.AsyncClient,
) -> None:
    addresses = await create(client, 4)
    await client.delete(addresses[1])
    await client.patch(f"{addresses[0]}/complete")
    page = (await client.get("/api/tasks/changes")).json()
    assert [each["revision"] for each in page["changes"]] == [3, 4, 6]
    assert [each["deleted"] for each in page["changes"]] == [False] * 3
    assert {each["id"]: each["task"] for each in page["changes"]} == await truth(client)
    assert page["has_more"] is False


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_all_pages_together_tell_each_change_once(
    client: httpx.AsyncClient, limit: int
) -> None:
    await create(client, 7)
    copy = Copy(client)
    await copy.read(limit)
    assert copy.told == [1, 2, 3, 4, 5, 6, 7]
    assert copy.tasks == await truth(client)
    assert not await copy.read_page()
    assert copy.told == [1, 2, 3, 4, 5, 6, 7]


async def test_later_calls_tell_what_has_changed_since_each_task_once(
    client: httpx.AsyncClient,
) -> None:
    addresses = await create(client, 3)
    copy = Copy(client)
    await copy.read()
    await client.delete(addresses[2])
    for title in "abc":
        await client.patch(addresses[0], json={"title": title})
    new = (await create(client))[0]
    await client.delete(new)
    copy.told.clear()
    await copy.read(limit=1)
    assert copy.told == [4, 7, 9]
    assert copy.tasks == await truth(client)


async def test_who_has_nothing_begins_with_nothing_and_is_told_what_comes(
    client: httpx.AsyncClient,
) -> None:
    copy = Copy(client)
    await copy.read()
    await copy.read()
    assert (copy.tasks, copy.told) == ({}, [])
    addresses = await create(client, 2)
    await client.delete(addresses[0])
    await copy.read()
    assert copy.tasks == await truth(client)


async def test_changes_of_a_batch_are_told_one_by_one(client: httpx.AsyncClient) -> None:
    operations = [{"op": "create", "task": {"title": f"{n}"}} for n in range(5)]
    await client.post("/api/tasks/batch", json={"operations": operations})
    copy = Copy(client)
    await copy.read(limit=2)
    assert copy.told == [1, 2, 3, 4, 5]


async def test_with_eight_writers_and_a_polling_reader_nothing_is_lost_or_doubled(
    client: httpx.AsyncClient,
) -> None:
    copies = [Copy(client) for _ in range(3)]
    writing = True

    async def write(seed: int) -> None:
        chosen, own = random.Random(seed), await create(client, 3)  # noqa: S311
        for _ in range(25):
            address = chosen.choice(own)
            match chosen.randrange(5):
                case 0:
                    own += await create(client)
                case 1 if len(own) > 1:
                    own.remove(address)
                    await client.delete(address)
                case 2:
                    await client.patch(f"{address}/complete", json={"completed": seed % 2 == 0})
                case _:
                    await client.patch(address, json={"title": f"{chosen.random()}"})

    async def poll(copy: Copy, limit: int) -> None:
        while writing:
            before = len(copy.told)
            await copy.read_page(limit)
            assert copy.told[before:] == sorted(set(copy.told[before:]))

    polling = [
        asyncio.create_task(poll(copy, limit))
        for copy, limit in zip(copies, (1, 7, 200), strict=True)
    ]
    await asyncio.gather(*(write(seed) for seed in range(WRITERS)))
    writing = False
    await asyncio.gather(*polling)
    due = await truth(client)
    revision = (await client.get("/api/me")).json()["revision"]
    for copy in copies:
        await copy.read()
        assert copy.tasks == due
        assert len(set(copy.told)) == len(copy.told)
        assert max(copy.told) <= revision
    assert len(due) > WRITERS


async def test_a_token_from_before_a_purge_is_gone(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    addresses = await create(client, 3)
    old, new = Copy(client), Copy(client)
    await old.read()
    await client.delete(addresses[0])
    await new.read()
    await age(database, user, days=31)
    await purge(database)
    refused = await client.get("/api/tasks/changes", params={"since": old.since})
    assert (refused.status_code, refused.json()["code"]) == (410, "change_token_expired")
    await client.delete(addresses[1])
    await new.read()
    assert new.tasks == await truth(client)
    anew = Copy(client)
    await anew.read()
    assert anew.tasks == await truth(client)


async def test_a_purge_leaves_what_is_not_old_enough(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    address = (await create(client))[0]
    copy = Copy(client)
    await copy.read()
    await client.delete(address)
    await age(database, user, days=29)
    await purge(database)
    await copy.read()
    assert copy.tasks == {}


async def test_who_is_walking_from_the_beginning_is_not_thrown_out_by_a_purge(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    addresses = await create(client, 6)
    await client.delete(addresses[5])
    copy = Copy(client)
    await copy.read_page(limit=2)
    await age(database, user, days=31)
    await purge(database)
    await client.delete(addresses[0])
    await copy.read(limit=2)
    assert copy.tasks == await truth(client)
    assert len(copy.tasks) == 4


@pytest.mark.parametrize("begins_anew", [False, True])
async def test_a_token_of_another_life_of_the_account_is_gone(
    client: httpx.AsyncClient, begins_anew: bool
) -> None:
    await create(client, 2)
    copy = Copy(client)
    await copy.read()
    await client.delete("/api/me")
    if begins_anew:
        await create(client, 5)
    refused = await client.get("/api/tasks/changes", params={"since": copy.since})
    assert refused.status_code == 410


async def test_a_token_ahead_of_a_restored_database_is_gone(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    addresses = await create(client, 3)
    copy = Copy(client)
    await copy.read()
    async with database.transaction() as connection:
        for sql in (
            "DELETE FROM tasks WHERE user_id = :user AND revision = 3",
            "UPDATE users SET revision = 2, task_count = 2 WHERE id = :user",
        ):
            await connection.execute(text(sql), {"user": user})
    assert (await client.get(addresses[2])).status_code == 404
    refused = await client.get("/api/tasks/changes", params={"since": copy.since})
    assert refused.status_code == 410


async def test_a_token_of_another_user_or_of_nobody_is_gone(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await create(stranger, 2)
    theirs = (await stranger.get("/api/tasks/changes")).json()["next"]
    for make in (0, 2):
        await create(client, make)
        for token in (theirs, "B" * 42 + "A", "_" * 42 + "8"):
            refused = await client.get("/api/tasks/changes", params={"since": token})
            assert refused.status_code == 410


NO_TOKENS = ["", "x", "A" * 42, "A" * 44, "A" * 42 + "B", "=" * 43, "019aa3f0-7b6c-7d2e-9f41"]


@pytest.mark.parametrize("token", NO_TOKENS)
async def test_what_has_not_the_form_of_a_token_is_refused(
    client: httpx.AsyncClient, token: str
) -> None:
    refused = await client.get("/api/tasks/changes", params={"since": token})
    assert refused.status_code == 422
    assert {each["parameter"] for each in refused.json()["errors"]} == {"since"}


async def test_the_feed_is_not_taken_for_a_task(client: httpx.AsyncClient) -> None:
    refused = await client.delete("/api/tasks/changes")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
