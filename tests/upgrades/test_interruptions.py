"""Tests of `migrate` that is interrupted, waits, gives up, or finds a newer schema."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.database.migrations import runner as migrations
from app.database.migrations.runner import MigrationBlockedError, is_current, migrate
from app.database.wall.audit import find_holes
from app.tasks.wall import WALL
from tests.support.waiting import until
from tests.upgrades.steps import closing, migrate_to

INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
BUILDING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' AND state = 'active'
"""


@pytest.fixture
async def database(empty_database: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(empty_database, pool_size=1, wall=WALL)
    async with closing(database):
        yield database


async def test_an_index_whose_build_was_interrupted_is_built_anew(
    database: Database, empty_database: DatabaseUrl, other: asyncpg.Connection
) -> None:
    await migrate_to(database, "0002")
    watcher = await asyncpg.connect(**empty_database.for_driver)
    # An index build waits for transactions that began before it.
    old = other.transaction(isolation="repeatable_read")
    await old.start()
    await other.fetchval("SELECT count(*) FROM tasks")
    migrating = asyncio.create_task(migrate(database))
    await until(lambda: watcher.fetchval(INVALID))
    assert not migrating.done()
    await watcher.execute(f"SELECT pg_terminate_backend(pid) FROM ({BUILDING}) AS building")
    with pytest.raises(DatabaseUnavailableError):
        await migrating
    assert await watcher.fetchval(INVALID) == 1
    assert not await is_current(database)
    await old.rollback()
    again = Database(empty_database, pool_size=1, wall=WALL)
    async with closing(again):
        assert set(await asyncio.gather(migrate(database), migrate(again))) == {WALL.head}
    assert await watcher.fetchval(INVALID) == 0
    assert await find_holes(database) == []
    await watcher.close()


async def test_a_blocked_migration_fails_and_leaves_the_schema(
    database: Database, other: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "ATTEMPTS", 2)
    monkeypatch.setattr(migrations, "SECONDS_BETWEEN_ATTEMPTS", 0.1)
    await migrate_to(database, "0003")
    async with other.transaction():
        await other.execute("SELECT FROM users")
        await other.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        with pytest.raises(MigrationBlockedError, match="pg_stat_activity"):
            await migrate(database)
    assert await other.fetchval("SELECT version_num FROM taskward_version") == "0003"
    assert await migrate(database) == WALL.head


LATER = """
CREATE TABLE notes (user_id text REFERENCES users, PRIMARY KEY (user_id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY notes_owner ON notes
USING (user_id = (SELECT NULLIF(current_setting('app.user_id', true), '')))
WITH CHECK (user_id = (SELECT NULLIF(current_setting('app.user_id', true), '')));
CREATE POLICY notes_purge ON notes TO taskward_purge USING (user_id < 'a');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO taskward_app;
GRANT SELECT, DELETE ON notes TO taskward_purge;
UPDATE taskward_version SET version_num = '9999'
"""


async def test_this_version_serves_on_the_schema_of_a_later_one(
    database: Database,
) -> None:
    await migrate(database)
    async with database.transaction() as connection:
        for statement in LATER.split(";"):
            await connection.execute(text(statement))
    assert await is_current(database)
    assert await migrate(database) == "9999"
    assert await find_holes(database) == []


@pytest.mark.parametrize(
    "hole",
    [
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
        "ALTER POLICY notes_owner ON notes USING (true)",
        "ALTER POLICY notes_purge ON notes TO PUBLIC",
        "DROP POLICY notes_owner ON notes",
    ],
)
async def test_a_table_of_a_later_version_must_be_behind_the_wall_too(
    database: Database, hole: str
) -> None:
    await migrate(database)
    async with database.transaction() as connection:
        for statement in (*LATER.split(";"), hole):
            await connection.execute(text(statement))
    assert any("can access notes" in each for each in await find_holes(database))
