"""Story: a device that was away for too long has to resync from scratch."""

import httpx
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.tasks.purge import purge
from tests.tasks.sync_client import SyncClient, create, truth


async def age(database: Database, user: str, days: int) -> None:
    """Set the age of all deletions of a user."""
    sql = "UPDATE tombstones SET deleted_at = now() - make_interval(days => :days)"
    async with database.transaction() as connection:
        await connection.execute(text(f"{sql} WHERE user_id = :user"), {"days": days, "user": user})


async def test_a_token_from_before_a_purge_is_gone(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    addresses = await create(client, 3)
    old, new = SyncClient(client), SyncClient(client)
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
    fresh = SyncClient(client)
    await fresh.read()
    assert fresh.tasks == await truth(client)


async def test_a_purge_leaves_what_is_not_old_enough(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    address = (await create(client))[0]
    copy = SyncClient(client)
    await copy.read()
    await client.delete(address)
    await age(database, user, days=29)
    await purge(database)
    await copy.read()
    assert copy.tasks == {}


async def test_a_first_sync_survives_a_purge(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    addresses = await create(client, 6)
    await client.delete(addresses[5])
    copy = SyncClient(client)
    await copy.read_page(limit=2)
    await age(database, user, days=31)
    await purge(database)
    await client.delete(addresses[0])
    await copy.read(limit=2)
    assert copy.tasks == await truth(client)
    assert len(copy.tasks) == 4


@pytest.mark.parametrize("begins_anew", [False, True])
async def test_a_token_of_another_life_of_the_account_is_gone(
    client: httpx.AsyncClient, user: str, begins_anew: bool
) -> None:
    await create(client, 2)
    copy = SyncClient(client)
    await copy.read()
    await client.delete("/api/me", params={"confirm": user})
    if begins_anew:
        await create(client, 5)
    refused = await client.get("/api/tasks/changes", params={"since": copy.since})
    assert refused.status_code == 410


async def test_a_token_ahead_of_a_restored_database_is_gone(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    addresses = await create(client, 3)
    copy = SyncClient(client)
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


NO_TOKENS = ["x", "A" * 42, "A" * 44, "A" * 42 + "B", "=" * 43, "019aa3f0-7b6c-7d2e-9f41"]


@pytest.mark.parametrize("token", NO_TOKENS)
async def test_what_has_not_the_form_of_a_token_is_refused(
    client: httpx.AsyncClient, token: str
) -> None:
    refused = await client.get("/api/tasks/changes", params={"since": token})
    assert refused.status_code == 422
    assert {each["parameter"] for each in refused.json()["errors"]} == {"since"}
