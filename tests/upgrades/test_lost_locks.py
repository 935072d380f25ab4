"""Tests of `migrate` that loses the connection with the lock, as behind some proxies.

Such a proxy closes idle connections.
"""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import Connection

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations import reporting
from app.database.migrations import runner as migrations
from app.database.migrations.migration_lock import is_held, migration_lock
from app.database.migrations.runner import migrate
from app.database.wall.audit import find_holes
from app.database.wall.tables import Wall
from app.tasks.wall import WALL
from tests.upgrades.steps import REVISIONS, closing, migrate_to

END_HOLDER = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND granted AND datname = current_database()
  AND state = 'idle in transaction' AND query LIKE '%SET LOCAL idle_in_transaction%'
"""
"""It matches the statement that the holder of the lock runs before and during the migrations."""
USED_AT = """
SELECT query_start FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""


@pytest.fixture
async def databases(empty_database: DatabaseUrl) -> AsyncIterator[list[Database]]:
    """Two processes that start at once, on an empty database."""
    made = [Database(empty_database, pool_size=1, wall=WALL) for _ in range(2)]
    async with closing(*made):
        yield made


async def test_two_migrate_although_each_loses_its_lock(
    databases: list[Database], other: asyncpg.Connection
) -> None:
    migrating = asyncio.gather(*(migrate(each) for each in databases))
    lost = 0
    while lost < migrations.LOSSES - 1 and not migrating.done():
        lost += await other.fetchval(END_HOLDER)
        await asyncio.sleep(0.03)
    assert await migrating == [WALL.head, WALL.head]
    assert lost >= 3
    assert await find_holes(databases[0]) == []


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_a_migration_that_another_process_made_is_not_repeated(
    databases: list[Database],
    other: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    revision: str,
) -> None:
    step, first, second = migrations._step, *databases  # noqa: SLF001 - the moment between
    await migrate_to(first, revision)
    overtaken = asyncio.Event()

    async def overtake() -> None:
        assert await other.fetchval(END_HOLDER) == 1
        monkeypatch.setattr(migrations, "_step", step)
        assert await migrate(second) == WALL.head
        overtaken.set()

    loop = asyncio.get_running_loop()

    def be_overtaken(connection: Connection, wall: Wall) -> None:
        from sqlalchemy.util import await_only  # noqa: PLC0415

        await_only(loop.create_task(overtake()))
        step(connection, wall)

    monkeypatch.setattr(migrations, "_step", be_overtaken)
    assert await migrate(first) == WALL.head
    assert overtaken.is_set()


async def test_the_connection_with_the_lock_is_never_idle_for_long(
    databases: list[Database], other: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "SECONDS_BETWEEN_SIGNS", 0.05)
    await migrate_to(databases[0], REVISIONS[2])
    async with other.transaction():
        await other.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        migrating = asyncio.create_task(migrate(databases[0]))
        used: set[object] = set()
        async with asyncio.timeout(30):
            while len(used) < 10:
                await other.execute("SELECT pg_stat_clear_snapshot()")
                used.add(await other.fetchval(USED_AT))
                await asyncio.sleep(0.05)
        assert not migrating.done()
    assert await migrating == WALL.head


async def test_an_index_build_never_waits_for_the_lock(
    databases: list[Database], other: asyncpg.Connection
) -> None:
    await other.execute("CREATE TABLE x (y integer)")
    async with migration_lock(databases[0]) as holder:

        async def use() -> None:
            while await is_held(holder):
                pass

        using = asyncio.create_task(use())
        # A build waits for each transaction that has a snapshot at one of its moments.
        for number in range(20):
            build = f"CREATE INDEX CONCURRENTLY x{number} ON x (y)"
            await other.execute(build, timeout=30)
        assert not using.done()
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
