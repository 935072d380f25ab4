"""The second wall shows only one user's rows, however a transaction ends."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.driver import pool
from app.database.driver.errors import CommitError, DatabaseUnavailableError, StatementError
from app.database.driver.url import DatabaseUrl
from app.database.wall.audit import find_holes
from app.database.wall.layout import ONE_POSTGRESQL
from app.database.wall.policies import ROLE
from app.tasks.models import metadata
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from app.tasks.wall import WALL
from tests.database.wall.rows import COUNT, counted, create, run


async def test_every_table_is_behind_the_wall_and_its_owner_is_known(
    database: Database,
) -> None:
    assert set(WALL.owner_columns) == set(metadata.tables)
    for table, owner in WALL.owner_columns.items():
        assert next(iter(metadata.tables[table].primary_key)).name == owner
    assert await find_holes(database) == []


async def test_a_transaction_of_a_user_sees_the_rows_of_that_user_only(database: Database) -> None:
    ada, eve = f"ada {uuid4()}", f"eve {uuid4()}"
    await create(database, ada)
    assert await counted(database, ada) == 1
    assert await counted(database, eve) == 0


async def test_without_a_user_there_is_nothing_to_be_seen(
    database: Database, login: AsyncConnection
) -> None:
    await create(database, f"ada {uuid4()}")
    await login.execute(text(f"SET LOCAL ROLE {ROLE}"))
    for setting in ("", None):
        if setting is not None:
            await login.execute(text("SET LOCAL app.user_id = ''"))
        assert (await login.execute(COUNT)).scalar_one() == 0


async def test_nothing_of_a_user_is_left_on_a_connection(database_url: DatabaseUrl) -> None:
    database = Database(database_url, pool_size=1, wall=WALL)
    await create(database, f"ada {uuid4()}")
    async with database.transaction() as connection:
        left = await connection.execute(
            text("SELECT current_user = session_user, current_setting('app.user_id', true)")
        )
        assert tuple(left.one()) in {(True, ""), (True, None)}
    await database.close()


async def test_a_row_of_another_user_cannot_be_written(database: Database) -> None:
    ada, eve = f"ada {uuid4()}", f"eve {uuid4()}"
    await create(database, ada)
    with pytest.raises(StatementError, match="InsufficientPrivilege"):
        await run(
            database, eve, f"INSERT INTO users (id, revision, task_count) VALUES ('{ada}', 1, 1)"
        )
    await create(database, eve)
    with pytest.raises(StatementError, match="InsufficientPrivilege"):
        await run(database, eve, f"UPDATE tasks SET user_id = '{ada}'")
    assert await counted(database, ada) == 1
    assert await counted(database, eve) == 1


@pytest.mark.parametrize(
    "command", ["TRUNCATE tasks", "DROP TABLE tasks", "TABLE taskward_version"]
)
async def test_the_role_can_do_nothing_but_read_and_write_rows(
    database: Database, command: str
) -> None:
    with pytest.raises(StatementError, match="InsufficientPrivilege"):
        await run(database, "ada", command)


# Invalid user ids are rejected much earlier; every valid one must reach the setting.
user_ids = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255
)


async def test_the_user_id_reaches_the_database_as_it_is(login: AsyncConnection) -> None:
    driver = (await login.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)
    loop = asyncio.get_running_loop()

    async def setting(user: str) -> object:
        await driver.execute(ONE_POSTGRESQL.begin(user))
        try:
            return await driver.fetchval("SELECT current_setting('app.user_id')")
        finally:
            await driver.execute("ROLLBACK")

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(user_ids)
    def reaches(user: str) -> None:
        assert asyncio.run_coroutine_threadsafe(setting(user), loop).result(10) == user

    for hostile in ("'", "''; DROP TABLE tasks; --", "\\", "\\'", "$$", "😀" * 255, "é", "e\u0301"):
        assert await setting(hostile) == hostile
    await asyncio.to_thread(reaches)


async def test_an_id_that_cannot_be_written_begins_nothing(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError):
        async with database.user_transaction("a\0da"):
            pass
    await create(database, f"ada {uuid4()}")


async def test_a_failed_transaction_is_not_taken_for_a_committed_one(database: Database) -> None:
    async def swallow() -> None:
        async with database.user_transaction("ada") as transaction:
            with suppress(asyncpg.PostgresError):
                await transaction.read(text("SELECT 1 / 0"))

    with pytest.raises(CommitError):
        await swallow()


async def test_a_connection_that_died_in_the_pool_costs_no_request(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = f"ada {uuid4()}"
    monkeypatch.setattr(pool, "PING_AFTER_SECONDS", 0)  # so that the test need not wait
    await asyncio.gather(create(database, ada), create(database, ada))
    async with database.transaction() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND query LIKE 'WITH owner_row%'"
            )
        )
    await asyncio.gather(create(database, ada), create(database, ada))
    assert await counted(database, ada) == 4


async def test_a_transaction_that_is_given_up_leaves_nothing_behind(
    database_url: DatabaseUrl,
) -> None:
    database, ada = Database(database_url, pool_size=1, wall=WALL), f"ada {uuid4()}"

    async def slow() -> None:
        async with database.user_transaction(ada) as transaction:
            await TaskStore(transaction).create(TaskInput(title="x"), max_tasks=9)
            await transaction.read(text("SELECT pg_sleep(5)"))

    for _ in range(3):
        given_up = asyncio.create_task(slow())
        await asyncio.sleep(0.1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert await counted(database, ada) == 0
    await database.close()
