"""Upgrades of a database with 100,000 tasks while a released version reads and writes in it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from app import create_app
from app.database.database import Database
from app.database.driver.engines import LOCK_TIMEOUT_MS
from app.database.driver.url import DatabaseUrl
from app.database.migrations import runner as migrations
from app.database.migrations.runner import migrate
from app.database.wall.audit import find_holes
from app.settings import Settings
from app.tasks.wall import WALL
from tests.conftest import REPORTED
from tests.support.clients import async_client
from tests.support.live_server import live
from tests.tasks.sync_client import SyncClient, truth
from tests.upgrades.client_0_1_0 import Client010
from tests.upgrades.client_0_2_0 import Client020
from tests.upgrades.load import AnyClient, Load, under_load
from tests.upgrades.steps import closing, migrate_to

FILL = """
INSERT INTO users (id, revision, task_count)
SELECT 'filled ' || n, 100, 100 FROM generate_series({first}, {first} + 99) n;

INSERT INTO tasks (user_id, id, title, revision, created_at)
SELECT 'filled ' || u, gen_random_uuid(), 'task ' || n, n, now() - n * interval '1 second'
FROM generate_series({first}, {first} + 99) u, generate_series(1, 100) n
"""
FILLED_USERS = 1000
COUNT = "SELECT user_id, count(*) FROM tasks WHERE user_id LIKE 'user %' GROUP BY 1"
NEW_FIELDS: dict[str, Any] = {
    "due_on": None,
    "labels": [],
    "priority": "none",
    "position": None,
    "extra": {},
}


@asynccontextmanager
async def long_transaction(url: DatabaseUrl, seconds: float) -> AsyncIterator[asyncio.Task[None]]:
    """Read the table of users in a transaction that stays open for some seconds; yield its end."""
    connection = await asyncpg.connect(**url.for_driver)
    await connection.execute("BEGIN; SELECT FROM users LIMIT 1")

    async def end() -> None:
        await asyncio.sleep(seconds)
        await connection.execute("COMMIT")

    ending = asyncio.create_task(end())
    yield ending
    await ending
    await connection.close()


@asynccontextmanager
async def upgraded(
    url: DatabaseUrl, kind: type[AnyClient], record_property: Callable[[str, object], None]
) -> AsyncIterator[Load[AnyClient]]:
    """Upgrade under the load of a released version, which continues until the context ends."""
    databases = [Database(url, pool_size=1, wall=WALL) for _ in range(2)]
    async with closing(*databases):
        await migrate_to(databases[0], kind.revision)
        async with databases[0].transaction() as connection:
            for first in range(0, FILLED_USERS, 100):
                for statement in FILL.format(first=first).split(";"):
                    await connection.execute(text(statement))
        async with under_load(url, kind) as load:
            await asyncio.sleep(0.5)
            # Longer than the clients wait: a statement that queued behind it would block them.
            async with long_transaction(url, seconds=3) as ending:
                migrating = asyncio.gather(*(migrate(each) for each in databases))
                await ending
                assert await migrating == [WALL.head, WALL.head]
            before = load.statements
            await asyncio.sleep(0.5)
            yield load
        assert load.failures == []
        assert load.statements > before
        assert await find_holes(databases[0]) == []
        async with databases[0].transaction() as connection:
            counted = await connection.execute(text(COUNT))
            assert dict(map(tuple, counted)) == {each.user: each.kept for each in load}
    record_property(
        REPORTED,
        f"An upgrade of 100,000 tasks under load of {kind.version}: none of {load.statements} "
        f"transactions failed, the longest took {load.longest:.2f} s; "
        f"migrations waited {LOCK_TIMEOUT_MS} ms at most",
    )


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "SECONDS_BETWEEN_ATTEMPTS", 0.2)


async def test_an_upgrade_neither_fails_nor_delays_old_requests(
    empty_database: DatabaseUrl, record_property: Callable[[str, object], None]
) -> None:
    async with upgraded(empty_database, Client010, record_property):
        pass


async def test_an_upgraded_server_reads_what_version_0_2_writes(
    empty_database: DatabaseUrl,
    settings: Settings,
    record_property: Callable[[str, object], None],
) -> None:
    url = {"database_url": empty_database}
    async with upgraded(empty_database, Client020, record_property) as load:
        # Both versions serve.
        with live(create_app(settings.model_copy(update=url))) as server:
            connection = await asyncpg.connect(
                **empty_database.for_driver, server_settings={**Client020.settings}
            )
            released = Client020(connection, "changed by both versions")
            try:
                async with async_client(server, released.user) as client:
                    await change_with_both(client, released)
            finally:
                await connection.close()
    with live(create_app(settings.model_copy(update=url))) as server:
        for each in load:
            async with async_client(server, each.user) as client:
                await read_what_was_written(client, each)


async def change_with_both(client: httpx.AsyncClient, released: Client020) -> None:
    """Change tasks of a user with servers of both versions."""
    days = [
        (await client.post("/api/tasks", json={"title": f"{n}", "due_on": "2030-01-02"})).json()
        for n in range(5)
    ]
    moved, cleared, same, deleted, trashed = (UUID(each["id"]) for each in days)
    first = datetime(2030, 1, 2, tzinfo=UTC)
    await released.update_due_at(moved, first.replace(hour=9))
    await released.update_due_at(cleared, None)
    await released.update_due_at(same, first)
    await released.delete(deleted)
    await client.delete(f"/api/tasks/{trashed}")
    tasks = await truth(client)
    assert {id_: (task["due_at"], task["due_on"]) for id_, task in tasks.items()} == {
        str(moved): ("2030-01-02T09:00:00Z", None),
        str(cleared): (None, None),
        str(same): (None, "2030-01-02"),
    }
    # A change of another field leaves what that version set.
    patched = await client.patch(f"/api/tasks/{moved}", json={"due_on": None, "title": "x"})
    assert (patched.json()["due_at"], patched.json()["due_on"]) == ("2030-01-02T09:00:00Z", None)
    trash = (await client.get("/api/tasks", params={"status": "deleted"})).json()["items"]
    assert [task["id"] for task in trash] == [str(trashed)]
    assert (await client.post(f"/api/tasks/{deleted}/restore")).status_code == 404
    restored = await client.post(f"/api/tasks/{trashed}/restore")
    assert restored.json()["due_on"] == "2030-01-02"
    # What the other version deletes again cannot be restored, although it could be once.
    await released.delete(trashed)
    assert (await client.post(f"/api/tasks/{trashed}/restore")).status_code == 404


async def read_what_was_written(client: httpx.AsyncClient, released: Client020) -> None:
    """Read a user's tasks, changes, deleted tasks and responses, all of version 0.2."""
    tasks = await truth(client)
    assert tasks == {id_: task | NEW_FIELDS for id_, task in released.tasks.items()}
    reader = SyncClient(client)
    reader.since = released.token
    await reader.read()
    since = {each["id"] for each in tasks.values() if each["revision"] in reader.told}
    assert reader.tasks == {id_: tasks[id_] for id_ in since}
    assert len(reader.told) == len(since) + len(released.deleted)
    me = (await client.get("/api/me")).json()
    counts = (me["task_count"], me["completed_count"], me["deleted_count"])
    assert counts == (len(tasks), len(tasks), 0)
    assert (await client.get("/api/tasks", params={"status": "deleted"})).json()["items"] == []
    for id_ in released.deleted[-2:]:
        assert (await client.post(f"/api/tasks/{id_}/restore")).status_code == 404
    for key in [*released.created_once][::10]:
        await repeat(client, key, released.created_once[key])


async def repeat(client: httpx.AsyncClient, key: str, task: dict[str, Any]) -> None:
    """Repeat a request with an idempotency key, and another one with the same key."""
    headers = {"Idempotency-Key": key}
    again = await client.post("/api/tasks", json={"title": task["title"]}, headers=headers)
    assert (again.status_code, again.json()) == (201, task | NEW_FIELDS)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == f"/api/tasks/{task['id']}"
    assert again.headers["ETag"] == f'"{task["revision"]}"'
    other = await client.post("/api/tasks", json={"title": "other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
