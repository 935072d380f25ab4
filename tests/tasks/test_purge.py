"""Expired rows of all users are deleted, and no others."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.database.wall.policies import LOCK_WAIT_MS, PURGE_ROLE
from app.database.wall.role import take_role
from app.tasks.purge import Purged, purge
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from app.tasks.wall import WALL

USERS = 60
# For each user, a key and a tombstone that have expired, and two that have not.
FILL = """
INSERT INTO users (id, revision, task_count) SELECT 'user ' || n, 9, 0
FROM generate_series(1, :users) n;

INSERT INTO tombstones (user_id, id, revision, deleted_at)
SELECT id, gen_random_uuid(), r, now() - interval '30 days' + (r - 3.5) * interval '1 minute'
FROM users, generate_series(3, 5) r;

INSERT INTO idempotency_keys
SELECT id, 'create_task', 'key ' || r, '', 201, '{}', '',
       now() - interval '24 hours' + (r - 3.5) * interval '1 minute'
FROM users, generate_series(3, 5) r
"""


@pytest.fixture
async def filled(empty_database: DatabaseUrl) -> AsyncIterator[Database]:
    """Create a database with many expired rows."""
    database = Database(empty_database, pool_size=5, wall=WALL)
    await migrate(database)
    async with database.transaction() as connection:
        for statement in FILL.split(";"):
            values = {"users": USERS} if ":users" in statement else {}
            await connection.execute(text(statement), values)
    yield database
    await database.close()


async def left(database: Database) -> list[tuple[Any, ...]]:
    """Return the numbers of remaining rows, and the feed floors."""
    async with database.transaction() as connection:
        rows = await connection.execute(
            text(
                "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM tombstones),"
                " min(feed_floor), max(feed_floor) FROM users"
            )
        )
        return [tuple(row) for row in rows]


async def test_what_has_expired_is_dropped_and_the_rest_stays(filled: Database) -> None:
    assert await purge(filled) == Purged(USERS, USERS)
    assert await left(filled) == [(2 * USERS, 2 * USERS, 3, 3)]
    assert await purge(filled) == Purged(0, 0)
    assert await left(filled) == [(2 * USERS, 2 * USERS, 3, 3)]


async def test_of_many_processes_one_purges_at_a_time(
    filled: Database, empty_database: DatabaseUrl
) -> None:
    others = [Database(empty_database, pool_size=1, wall=WALL) for _ in range(4)]
    purged = await asyncio.gather(*(purge(each) for each in (filled, *others)))
    for each in others:
        await each.close()
    assert sum(each.tombstones for each in purged) == USERS
    assert await left(filled) == [(2 * USERS, 2 * USERS, 3, 3)]


async def test_a_purge_and_erasures_do_not_block_each_other(filled: Database) -> None:
    async def erase(number: int) -> None:
        await TaskStore(filled.session(f"user {number}")).erase()

    purging = asyncio.create_task(purge(filled))
    await asyncio.gather(*(erase(n) for n in range(1, USERS + 1)))
    assert (await purging).tombstones <= USERS
    assert await left(filled) == [(0, 0, None, None)]


AGES = {"idempotency_keys": "created_at", "tombstones": "deleted_at"}
OTHER = {"idempotency_keys": "tombstones", "tombstones": "idempotency_keys"}
# Every purge meets this user, whose rows stay, first.
AGED = """
UPDATE {table} SET {age} = {age} - interval '1 day'
WHERE user_id = 'user 7' AND {age} = (SELECT min({age}) FROM {table})
"""
RAISE = """
CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'planted'; END $$
"""
FAIL = """
CREATE TRIGGER planted BEFORE DELETE ON {table} FOR EACH ROW
WHEN (OLD.user_id = 'user 7') EXECUTE FUNCTION planted()
"""


@pytest.mark.parametrize("table", ["idempotency_keys", "tombstones"])
async def test_rows_that_cannot_be_deleted_stop_no_other_user(filled: Database, table: str) -> None:
    async with filled.transaction() as connection:
        await connection.execute(text(AGED.format(table=table, age=AGES[table])))
        for statement in (RAISE, FAIL):
            await connection.execute(text(statement.format(table=table)))
    purged = await purge(filled)
    assert (purged.left, purged.reasons) == (1, ("RaiseError",))
    assert getattr(purged, table) == getattr(purged, OTHER[table]) - 1 == USERS - 1
    async with filled.transaction() as connection:
        await connection.execute(text(f"DROP TRIGGER planted ON {table}"))
    again = await purge(filled)
    assert (getattr(again, table), getattr(again, OTHER[table]), again.left) == (1, 0, 0)


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT FROM users WHERE id = 'user 7' FOR UPDATE",
        "SELECT FROM tombstones WHERE user_id = 'user 7' FOR UPDATE",
    ],
)
async def test_a_lock_that_is_held_stops_no_other_user(filled: Database, lock: str) -> None:
    async with filled.engine.connect() as connection, connection.begin():
        await connection.execute(text(lock))
        purged = await purge(filled)
        reason = "LockNotAvailableError"
        assert purged == Purged(USERS, USERS - 1, left=1, reasons=(reason,))
        await connection.rollback()
    assert await purge(filled) == Purged(0, 1)


async def test_no_request_waits_for_a_purge_that_is_stuck(filled: Database) -> None:
    """During a portion, no row that a request can need is locked."""
    store = TaskStore(filled.session("user 7"))
    async with filled.engine.connect() as connection, connection.begin():
        # The purge waits here, with all locks that it holds at that point.
        await connection.execute(text("SELECT FROM tombstones WHERE user_id = 'user 7' FOR UPDATE"))
        purging = asyncio.create_task(purge(filled))
        task = await store.create(TaskInput(title="x"), max_tasks=9)
        await store.update(task.id, {"completed": True})
        await store.delete(task.id)
        assert not purging.done()
        await connection.rollback()
    assert (await purging).idempotency_keys == USERS


async def test_the_worst_of_an_hour_is_dropped_in_portions(filled: Database) -> None:
    """An hour of one user: 600 requests with a key a minute, and batches that delete tasks.

    The test stores a tenth of that. The statements have time limits, so the number does not matter.
    """
    worst = """
    INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, outcome, created_at)
    SELECT 'user 7', 'batch_tasks', n, '', repeat('x', 2400)::bytea,
           now() - interval '25 hours' - n * interval '0.1 seconds'
    FROM generate_series(1, 3600) n;
    INSERT INTO tombstones (user_id, id, revision, deleted_at)
    SELECT 'user 7', gen_random_uuid(), 10 + n, now() - interval '31 days'
    FROM generate_series(1, 5000) n
    """
    async with filled.transaction() as connection:
        for statement in worst.split(";"):
            await connection.execute(text(statement))
    purging = asyncio.create_task(purge(filled))
    longest, store = 0.0, TaskStore(filled.session("user 7"))
    while not purging.done():
        began = time.monotonic()
        await store.create(TaskInput(title="x"), max_tasks=100_000)
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.01)
    assert await purging == Purged(USERS + 3600, USERS + 5000)
    assert longest < LOCK_WAIT_MS / 1000
    assert (await left(filled))[0][:2] == (2 * USERS, 2 * USERS)


async def test_the_purge_role_sees_only_expired_rows(
    filled: Database,
) -> None:
    async with filled.transaction() as connection:
        await connection.execute(take_role(PURGE_ROLE))
        for table in ("tombstones", "idempotency_keys"):
            count = await connection.execute(text(f"SELECT count(*) FROM {table}"))
            assert count.scalar_one() == USERS
            await connection.execute(text(f"DELETE FROM {table}"))
    assert await left(filled) == [(2 * USERS, 2 * USERS, 0, 0)]
    for forbidden in (
        "SELECT * FROM tasks",
        "SELECT revision FROM users",
        "UPDATE users SET revision = 1",
        "DELETE FROM users",
        "INSERT INTO tombstones SELECT * FROM tombstones",
    ):
        async with filled.transaction() as connection:
            await connection.execute(take_role(PURGE_ROLE))
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(forbidden))
