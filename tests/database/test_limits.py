"""A statement ends in PostgreSQL when the request that waits for it ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver import pool as pools
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.tasks.wall import WALL
from tests.support.pgbouncer import pgbouncer

LIMITS = text(
    "SELECT current_setting('statement_timeout'), "
    "current_setting('max_parallel_workers_per_gather')"
)
# Other tests may run on the same database.
NAME = f"sleep_{uuid4().hex}"
SLEEP = text(f"SELECT pg_sleep(8) AS {NAME}")
SHORT_SLEEP = text("SELECT pg_sleep(0.2)")
PROCESS = text("SELECT pg_backend_pid()")
RUNNING = f"""
SELECT count(*) FROM pg_stat_activity
WHERE state <> 'idle' AND query LIKE '%{NAME}%' AND pid <> pg_backend_pid()
"""


@pytest.fixture(params=["direct", "pooler"])
def reached(request: pytest.FixtureRequest, database_url: DatabaseUrl) -> Iterator[DatabaseUrl]:
    """The database, directly and through a pooler."""
    if request.param == "direct":
        yield database_url
    else:
        with pgbouncer(database_url, size=2) as url:
            yield url


@pytest.fixture
async def login(database_url: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the superuser, not through the pooler."""
    login = await asyncpg.connect(**database_url.for_driver)
    yield login
    await login.close()


def connect(url: DatabaseUrl, size: int = 1) -> Database:
    is_pooler = url.for_sqlalchemy.database == "pooled"
    return Database(url, pool_size=size, wall=WALL, pooler=is_pooler)


async def until_running(login: asyncpg.Connection, count: int) -> None:
    async with asyncio.timeout(5):
        while await login.fetchval(RUNNING) != count:  # noqa: ASYNC110 - PostgreSQL's
            await asyncio.sleep(0.02)


@contextmanager
def limited(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """Set a time-out of the driver that is shorter than PostgreSQL's."""
    with monkeypatch.context() as patch:
        patch.setitem(pools.TIMEOUTS, "command_timeout", seconds)
        yield


async def test_each_way_to_run_a_statement_has_its_limits(reached: DatabaseUrl) -> None:
    database = connect(reached)
    async with database.user_transaction("ada") as transaction:
        (in_transaction,) = await transaction.read(LIMITS)
    (single,) = await database.session("ada").read(LIMITS)
    (search,) = await database.session("ada").search(LIMITS)
    (after,) = await database.session("ada").read(LIMITS)
    async with database.transaction() as connection:
        login = (await connection.execute(LIMITS)).one()
    await database.close()
    assert [*map(tuple, (in_transaction, single, search, after))] == [
        ("9s", "0"),
        ("9s", "0"),
        ("3s", "0"),
        ("9s", "0"),
    ]
    assert login[0] == "9s"


async def test_a_lower_limit_of_the_database_stays(empty_database: DatabaseUrl) -> None:
    name = empty_database.for_sqlalchemy.database
    login = await asyncpg.connect(**empty_database.for_driver)
    await login.execute(f"ALTER DATABASE {name} SET statement_timeout = '250ms'")
    await login.close()
    with pgbouncer(empty_database) as pooled:
        for url in (empty_database, pooled):
            database = connect(url)
            (single,) = await database.session("ada").read(LIMITS)
            (search,) = await database.session("ada").search(LIMITS)
            async with database.transaction() as connection:
                of_login = (await connection.execute(LIMITS)).one()
            await database.close()
            assert {single[0], search[0], of_login[0]} == {"250ms"}


async def test_a_statement_that_the_driver_gives_up_ends(
    reached: DatabaseUrl, login: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with limited(monkeypatch, 0.3):
        database = connect(reached)
        for _ in range(3):
            with pytest.raises(DatabaseUnavailableError):
                await database.session("ada").read(SLEEP)
            assert await login.fetchval(RUNNING) == 0
            with pytest.raises(DatabaseUnavailableError):
                async with database.user_transaction("ada") as transaction:
                    await transaction.read(SLEEP)
            assert await login.fetchval(RUNNING) == 0
        await database.session("ada").read(PROCESS)
        await database.close()


async def test_a_statement_whose_request_is_cancelled_ends(
    reached: DatabaseUrl, login: asyncpg.Connection
) -> None:
    database = connect(reached)
    (before,) = await database.session("ada").read(PROCESS)
    for run in (database.session("ada").read, database.session("ada").search):
        request = asyncio.create_task(run(SLEEP))
        await until_running(login, 1)
        request.cancel()
        await asyncio.wait({request})
        assert request.cancelled()
        assert await login.fetchval(RUNNING) == 0
        assert database.usage.in_use == 0
    assert await database.session("ada").read(PROCESS) == [before]
    await database.close()


async def test_a_transaction_has_a_deadline(
    reached: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.database.TIMEOUT_SECONDS", 0.5)
    database = connect(reached)
    (before,) = await database.session("ada").read(PROCESS)
    statements = 0

    async def run() -> None:
        nonlocal statements
        async with database.user_transaction("ada") as transaction:
            for _ in range(10):
                await transaction.read(SHORT_SLEEP)
                statements += 1

    with pytest.raises(DatabaseUnavailableError):
        await run()
    assert statements < 10
    assert await database.session("ada").read(PROCESS) == [before]
    await database.close()


async def test_a_commit_is_not_cancelled_by_the_deadline(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.database.TIMEOUT_SECONDS", 0.3)
    commit = asyncpg.Connection.execute

    async def late(connection: asyncpg.Connection, sql: str, **options: object) -> object:
        if sql == "COMMIT":
            await asyncio.sleep(0.6)
        return await commit(connection, sql, **options)

    monkeypatch.setattr(asyncpg.Connection, "execute", late)
    async with database.user_transaction("ada") as transaction:
        await transaction.read(PROCESS)
