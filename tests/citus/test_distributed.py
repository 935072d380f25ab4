"""On a real Citus, users are distributed over machines, and everything works as on PostgreSQL.

These tests run if TEST_DATABASE_URL leads to a Citus: CI has none.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import distribute, migrate
from app.database.wall.audit import find_holes
from app.settings import Settings
from app.tasks.changes import ChangeStore
from app.tasks.purge import Purged, purge
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from app.tasks.wall import WALL
from tests.citus.cluster import spanning_database
from tests.isolation.faults import FAULTS
from tests.isolation.test_two_walls import Ground
from tests.support.live_server import live

USERS = 40
REFUSED = re.compile(r"the list .* has [0-5]|the changes are \[[05], 0\]|what she made is not hers")
"""The findings if Citus rejects a statement about many users: some rows of her own are missing."""
PLACEMENTS = """
SELECT count(DISTINCT nodeport), count(*) FROM pg_dist_shard_placement
JOIN pg_dist_shard USING (shardid) WHERE logicalrelid = 'tasks'::regclass
"""
# For each shard of a table: whether it has the policy for all roles and forces row-level security.
WALLS = """
SELECT result FROM run_command_on_placements('{table}', $$
    SELECT relrowsecurity AND relforcerowsecurity AND EXISTS (
        SELECT FROM pg_policy WHERE polrelid = c.oid AND polroles = '{{0}}')
    FROM pg_class c WHERE c.oid = '%s'::regclass $$)
"""
TABLES = ["users", "tasks", "idempotency_keys", "tombstones"]


@pytest.fixture(scope="module")
async def distributed(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    async with spanning_database(database_url) as url:
        database = Database(url, pool_size=1, wall=WALL)
        await migrate(database)
        await _fill(database, "before", 3)
        await distribute(database)
        await database.close()
        yield url


@pytest.fixture
async def database(distributed: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(distributed, pool_size=5, wall=WALL)
    yield database
    await database.close()


async def _fill(database: Database, prefix: str, users: int) -> None:
    async def fill(user: str) -> None:
        store = TaskStore(database.session(user))
        for number in range(3):
            task = await store.create(TaskInput(title=str(number)), max_tasks=9)
        await store.delete(task.id)

    await asyncio.gather(*(fill(f"{prefix} {number}") for number in range(users)))


async def test_users_are_on_several_machines_and_old_rows_are_kept(
    database: Database,
) -> None:
    await _fill(database, "after", USERS)
    async with database.transaction() as connection:
        machines, shards = (await connection.execute(text(PLACEMENTS))).one()
        assert (machines >= 2, shards) == (True, 32)
    for user in ("before 0", "after 0"):
        assert (await TaskStore(database.session(user)).summary(9)).task_count == 2


async def test_the_wall_stands_before_every_shard(database: Database) -> None:
    assert await find_holes(database) == []
    async with database.transaction() as connection:
        for table in TABLES:
            walls = await connection.scalars(text(WALLS.format(table=table)))
            assert set(walls) == {"t"}


async def test_to_distribute_twice_and_at_once_is_safe(distributed: DatabaseUrl) -> None:
    databases = [Database(distributed, pool_size=1, wall=WALL) for _ in range(2)]
    await asyncio.gather(*(distribute(each) for each in databases))
    assert await find_holes(databases[0]) == []
    for each in databases:
        await each.close()


async def test_a_process_that_serves_meanwhile_is_told_to_start_anew(
    database_url: DatabaseUrl,
) -> None:
    async with spanning_database(database_url) as url:
        serving, other = (
            Database(url, pool_size=2, wall=WALL),
            Database(url, pool_size=1, wall=WALL),
        )
        await migrate(other)
        await _fill(serving, "ada", 1)
        await distribute(other)
        both = (TaskStore(serving.session("ada 0")).summary(9) for _ in range(9))
        responses = await asyncio.gather(*both, return_exceptions=True)
        refused = [each for each in responses if isinstance(each, DatabaseUnavailableError)]
        assert all("restart it" in str(each) for each in refused)
        for each in (serving, other):
            await each.close()


async def test_an_erasure_removes_every_row_of_the_user_and_no_other(database: Database) -> None:
    user = f"ada {uuid4()}"
    await _fill(database, user, 2)
    await TaskStore(database.session(f"{user} 0")).erase()
    async with database.transaction() as connection:
        for table, owner in (("users", "id"), ("tasks", "user_id"), ("tombstones", "user_id")):
            rows = await connection.execute(
                text(f"SELECT DISTINCT {owner} FROM {table} WHERE {owner} LIKE :user"),
                {"user": f"{user}%"},
            )
            assert [row[0] for row in rows] == [f"{user} 1"]


async def test_what_has_expired_is_purged_on_every_machine(database: Database) -> None:
    await _fill(database, user := f"ada {uuid4()}", USERS)
    async with database.transaction() as connection:
        aged = (
            "UPDATE tombstones SET deleted_at = now() - interval '31 days' WHERE user_id LIKE :of"
        )
        await connection.execute(text(aged), {"of": f"{user}%"})
    assert await purge(database) == Purged(0, USERS)
    assert await purge(database) == Purged(0, 0)
    changes = await ChangeStore(database.session(f"{user} 0")).since(None, 9)
    assert len(changes.changes) == 2


async def test_two_walls_stand_on_every_machine(
    settings: Settings, distributed: DatabaseUrl
) -> None:
    ground = Ground(settings, distributed)
    with live(ground.app) as running:
        assert await ground.attacked(running.base_url) == []
        for fault in FAULTS:
            leaks = await ground.attacked(running.base_url, fault)
            assert [each for each in leaks if not REFUSED.fullmatch(each)] == [], fault
    await ground.close()


async def test_the_attack_is_seen_to_succeed_without_the_second(
    settings: Settings, database_url: DatabaseUrl
) -> None:
    """Otherwise the test above would prove nothing."""
    async with spanning_database(database_url) as url:
        ground = Ground(settings, url)
        await ground.prepare(None)
        database = Database(url, pool_size=1, wall=WALL)
        await distribute(database)
        async with database.transaction() as connection:
            for table in TABLES:
                await connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
        await database.close()
        with live(ground.app) as running:
            leaks = await ground.attacked(running.base_url, FAULTS[0])
            assert [each for each in leaks if not REFUSED.fullmatch(each)] != []
        await ground.close()
