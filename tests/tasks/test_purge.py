"""What has expired is dropped, of all users, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.database.database import Database
from app.database.migrate import migrate
from app.database.role import take_role
from app.database.url import DatabaseUrl
from app.database.wall import PURGE_ROLE
from app.tasks.purge import USERS_AT_ONCE, Purged, purge
from app.tasks.store import TaskStore

USERS = USERS_AT_ONCE * 2 + 50
# Of each user a key and a tombstone that have expired, and two that have not.
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
    """A database in which much has expired."""
    database = Database(empty_database, pool_size=5)
    await migrate(database)
    async with database.transaction() as connection:
        for statement in FILL.split(";"):
            values = {"users": USERS} if ":users" in statement else {}
            await connection.execute(text(statement), values)
    yield database
    await database.close()


async def left(database: Database) -> list[tuple[Any, ...]]:
    """How much is left, and the feed floors."""
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
    others = [Database(empty_database, pool_size=1) for _ in range(4)]
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


async def test_the_role_that_purges_sees_what_has_expired_and_nothing_else(
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
