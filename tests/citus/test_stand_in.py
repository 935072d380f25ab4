"""Tests of the statements for Citus, on a PostgreSQL that records what it is asked to distribute.

For operators of a Citus: neither Debian nor PyPI has it, so CI cannot run `test_distributed.py`,
and without these tests no release would try a statement for it.
"""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from app.commands.migrate import migrate_command
from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import distribute, migrate
from app.database.wall.audit import find_holes
from app.database.wall.policies import BEGIN
from app.database.wall.tables import Wall
from app.settings import Settings
from app.tasks.changes import ChangeStore
from app.tasks.erasures import ERASED_AT_ONCE, Finished, finish_erasures
from app.tasks.purge import Purged, purge
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from app.tasks.wall import WALL
from tests.support.driver import recorded_statements
from tests.upgrades.steps import migrate_to

STAND_IN = """
CREATE SCHEMA stand_in;
GRANT USAGE ON SCHEMA stand_in TO PUBLIC;
CREATE TABLE stand_in.pg_dist_partition (logicalrelid regclass);
GRANT SELECT ON stand_in.pg_dist_partition TO PUBLIC;
CREATE FUNCTION stand_in.create_distributed_table(name text, text, colocate_with text DEFAULT '')
RETURNS void LANGUAGE sql AS
'INSERT INTO stand_in.pg_dist_partition VALUES (name::regclass)'
"""

PROPAGATING = "DO $$ BEGIN SET LOCAL citus.propagate_set_commands = 'local'"


@pytest.fixture
async def url(empty_database: DatabaseUrl) -> DatabaseUrl:
    name = empty_database.for_sqlalchemy.database
    connection = await asyncpg.connect(**empty_database.for_driver)
    await connection.execute(STAND_IN)
    await connection.execute(f"ALTER DATABASE {name} SET search_path = public, stand_in")
    await connection.close()
    return empty_database


@pytest.fixture
async def database(url: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(url, pool_size=2, wall=WALL)
    await migrate(database)
    yield database
    await database.close()


async def test_the_tables_are_distributed_once_and_the_wall_stands(
    database: Database, url: DatabaseUrl
) -> None:
    await distribute(database)
    await distribute(database)
    async with database.transaction() as connection:
        rows = await connection.scalars(text("SELECT logicalrelid::text FROM pg_dist_partition"))
        assert list(rows) == list(WALL.tables)
    assert await find_holes(database) == []
    connection = await asyncpg.connect(**url.for_driver)
    await connection.execute("ALTER POLICY tasks_owner ON tasks USING (true)")
    await connection.close()
    assert len(await find_holes(database)) == 1


async def test_the_command_distributes_the_tables(
    url: DatabaseUrl, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    here = settings.model_copy(update={"database_url": url})
    await asyncio.to_thread(migrate_command, here, citus=True)
    assert capsys.readouterr().out == (
        f"The schema is at revision {WALL.head}.\nThe tables are distributed by user.\n"
    )


async def test_what_a_later_version_adds_is_distributed_with_the_rest(
    url: DatabaseUrl,
) -> None:
    database = Database(url, pool_size=2, wall=WALL)
    await migrate_to(database, "0005")
    tables = {name: table for name, table in WALL.tables.items() if name != "erasures"}
    earlier = Wall(
        tables, users="users", user_key="id", owner_column="user_id", migrations=WALL.migrations
    )
    before = Database(url, pool_size=1, wall=earlier)
    await distribute(before)
    await before.close()
    await migrate(database)
    assert await find_holes(database) == []
    async with database.transaction() as connection:
        rows = await connection.scalars(text("SELECT logicalrelid::text FROM pg_dist_partition"))
        assert list(rows) == list(WALL.tables)
    store = TaskStore(database.session("ada"))
    for _ in range(ERASED_AT_ONCE + 1):
        await store.create(TaskInput(title="x"), max_tasks=999)
    assert not await store.erase()
    assert (await store.summary(9)).task_count == 0
    assert await finish_erasures(database) == Finished(1)
    await database.close()


async def test_each_statement_is_in_a_transaction_that_names_the_owner(
    database: Database,
) -> None:
    await distribute(database)
    store = TaskStore(database.session("ada"))
    with recorded_statements() as sent:
        task = await store.create(TaskInput(title="x"), max_tasks=9)
        done = await store.update(task.id, {"completed": True})
        assert done.completed_at == done.updated_at
        await store.delete(task.id)
        kept = await store.create(TaskInput(title="y"), max_tasks=9)
    assert len(sent) == 4 * len(("begin", "statement", "commit"))
    for begin, statement, commit in zip(*[iter(each.sql for each in sent)] * 3, strict=True):
        assert begin.startswith(f"{BEGIN}; {PROPAGATING}; SET LOCAL ROLE ")
        assert "SET LOCAL statement_timeout = 9000" in begin
        assert "SET LOCAL max_parallel_workers_per_gather = 0" in begin
        assert "set_config" not in statement
        assert commit == "COMMIT"
    with recorded_statements() as sent:
        await database.session("ada").search(text("SELECT 1"))
    assert "SET LOCAL statement_timeout = 3000" in sent[0].sql
    changes = await ChangeStore(database.session("ada")).since(None, 9)
    assert [each.id for each in changes.changes] == [kept.id]
    assert (await TaskStore(database.session("eve")).summary(9)).task_count == 0


async def test_what_has_expired_is_purged(database: Database) -> None:
    await distribute(database)
    store = TaskStore(database.session("ada"))
    await store.delete((await store.create(TaskInput(title="x"), max_tasks=9)).id)
    async with database.transaction() as connection:
        aged = "UPDATE tombstones SET deleted_at = now() - interval '31 days'"
        await connection.execute(text(aged))
    assert await purge(database) == Purged(0, 1)


async def test_a_process_that_was_there_before_is_told_to_start_anew(
    database: Database, url: DatabaseUrl
) -> None:
    await TaskStore(database.session("ada")).summary(9)
    await distribute(database)
    async with database.user_transaction("eve") as transaction:
        await transaction.read(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailableError, match="restart it"):
            await TaskStore(database.session("ada")).summary(9)
    new = Database(url, pool_size=1, wall=WALL)
    assert (await TaskStore(new.session("ada")).summary(9)).task_count == 0
    await new.close()
