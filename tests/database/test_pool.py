"""Tests of the pool of users' connections: none leaks, and no lost one is used."""

import asyncio
import threading
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database.driver import pool as pools
from app.database.driver.connection import DriverConnection, reset_after_error
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.pool import UserPool
from app.database.driver.url import DatabaseUrl
from app.tasks.wall import WALL
from tests.support.driver import recorded_statements


@pytest.fixture
async def pool(database_url: DatabaseUrl) -> AsyncIterator[UserPool]:
    """A pool of one connection."""
    pool = UserPool(database_url, WALL, 1, pooler=False)
    yield pool
    await pool.close()


async def ask(pool: UserPool, sql: str = "SELECT pg_backend_pid()") -> object:
    connection, response = await pool.begin(lambda driver: driver.fetchval(sql), repeatable=True)
    pool.release(connection)
    return response


async def test_a_connection_has_the_role_of_users(pool: UserPool) -> None:
    assert await ask(pool, "SELECT current_user") == "taskward_app"


async def test_a_connection_is_reused_after_a_rejected_statement(
    pool: UserPool,
) -> None:
    process = await ask(pool)
    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await ask(pool, "SELECT 1 / 0")
    assert await ask(pool) == process


async def test_a_transaction_that_failed_is_rolled_back(pool: UserPool) -> None:
    process = await ask(pool)
    with pytest.raises(asyncpg.UndefinedObjectError):
        await pool.begin(
            lambda driver: driver.execute("BEGIN; SET x.y = 1; SET nothing = 1"), repeatable=True
        )
    assert await ask(pool) == process
    assert await ask(pool, "SELECT current_setting('x.y', true)") in {None, ""}


async def test_a_statement_that_is_given_up_gives_its_place_back(pool: UserPool) -> None:
    await ask(pool)
    for delay in (0, 0.05):
        slow = asyncio.create_task(ask(pool, "SELECT pg_sleep(5)"))
        await asyncio.sleep(delay)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert await ask(pool, "SELECT 1") == 1


async def test_whoever_waits_in_vain_is_told_so(
    pool: UserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "TIMEOUT_SECONDS", 0.05)
    connection, _ = await pool.begin(lambda driver: driver.execute("SELECT"), repeatable=True)
    with pytest.raises(TimeoutError):
        await ask(pool)
    pool.release(connection)
    assert await ask(pool, "SELECT 1") == 1


@pytest.mark.parametrize("rests", [False, True])
async def test_a_connection_that_died_while_nobody_used_it_is_replaced(
    pool: UserPool, monkeypatch: pytest.MonkeyPatch, rests: bool
) -> None:
    if rests:
        monkeypatch.setattr(pools, "PING_AFTER_SECONDS", 0)
    connection, _ = await pool.begin(lambda driver: driver.execute("SELECT"), repeatable=True)
    connection.terminate()
    pool.release(connection)
    connection, _ = await pool.begin(lambda driver: driver.execute("SELECT"), repeatable=False)
    pool.release(connection)


async def test_a_connection_that_was_lost_is_not_used_again(database_url: DatabaseUrl) -> None:
    lost = await asyncpg.connect(**database_url.for_driver, connection_class=DriverConnection)
    closed = await asyncpg.connect(**database_url.for_driver, connection_class=DriverConnection)
    await closed.close()
    await asyncio.to_thread(end, database_url, await lost.fetchval("SELECT pg_backend_pid()"))
    for connection in (lost, closed):
        assert not await reset_after_error(connection, TimeoutError())


def end(url: DatabaseUrl, process: object) -> None:
    """Terminate a connection from the side of the database, and wait until it is closed."""

    async def run() -> None:
        login = await asyncpg.connect(**url.for_driver)
        await login.fetchval("SELECT pg_terminate_backend($1::integer, 5000)", process)
        await login.close()

    asyncio.run(run())


@pytest.mark.parametrize("rests", [False, True])
async def test_an_end_that_is_announced_at_the_last_moment_is_heard(
    pool: UserPool, database_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch, rests: bool
) -> None:
    if rests:
        monkeypatch.setattr(pools, "PING_AFTER_SECONDS", 0)
    process = await ask(pool)
    # Nothing reads during this wait, so the server's message stays in the socket.
    thread = threading.Thread(target=end, args=(database_url, process))
    thread.start()
    thread.join()
    connection, _ = await pool.begin(lambda driver: driver.execute("SELECT"), repeatable=False)
    pool.release(connection)


async def test_a_connection_that_has_not_rested_for_long_is_not_asked(pool: UserPool) -> None:
    process = await ask(pool)
    with recorded_statements() as sent:
        assert await ask(pool) == process
    assert sent == []


async def test_a_command_that_may_not_be_repeated_is_not(pool: UserPool) -> None:
    commands = []

    async def lose(driver: asyncpg.Connection) -> None:
        commands.append(driver)
        driver.terminate()
        await driver.execute("SELECT")

    with pytest.raises(asyncpg.InterfaceError):
        await pool.begin(lose, repeatable=False)
    assert len(commands) == 1
    with pytest.raises(DatabaseUnavailableError):
        await pool.begin(lose, repeatable=True)
    assert len(commands) == 3
    assert await ask(pool, "SELECT 1") == 1


async def test_what_is_given_back_to_a_closed_pool_is_ended(database_url: DatabaseUrl) -> None:
    pool = UserPool(database_url, WALL, 2, pooler=False)
    connection, _ = await pool.begin(lambda driver: driver.execute("SELECT"), repeatable=True)
    await ask(pool)
    await pool.close()
    pool.release(connection)
    assert connection.is_closed()
