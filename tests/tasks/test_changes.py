"""Story: each of my devices gets the changes of the others, including deletions."""

import asyncio
import random

import httpx
import pytest

from tests.tasks.sync_client import SyncClient, create, truth

WRITERS = 8


async def test_a_first_sync_lists_all_tasks_oldest_change_first(
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
    copy = SyncClient(client)
    await copy.read(limit)
    assert copy.told == [1, 2, 3, 4, 5, 6, 7]
    assert copy.tasks == await truth(client)
    assert not await copy.read_page()
    assert copy.told == [1, 2, 3, 4, 5, 6, 7]


async def test_later_calls_tell_what_has_changed_since_each_task_once(
    client: httpx.AsyncClient,
) -> None:
    addresses = await create(client, 3)
    copy = SyncClient(client)
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


async def test_a_user_without_tasks_starts_empty_and_gets_changes(
    client: httpx.AsyncClient,
) -> None:
    copy = SyncClient(client)
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
    copy = SyncClient(client)
    await copy.read(limit=2)
    assert copy.told == [1, 2, 3, 4, 5]


async def test_the_feed_loses_and_repeats_nothing_with_eight_writers(
    client: httpx.AsyncClient,
) -> None:
    copies = [SyncClient(client) for _ in range(3)]
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

    async def poll(copy: SyncClient, limit: int) -> None:
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


async def test_the_feed_is_not_taken_for_a_task(client: httpx.AsyncClient) -> None:
    refused = await client.delete("/api/tasks/changes")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
