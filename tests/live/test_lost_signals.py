"""Story: signals fail in odd ways, and my other device gets each change nevertheless."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg
import pytest
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.live import outbox, signals
from app.settings import Settings
from app.tasks.wall import WALL
from tests.live.test_signals import carriers, two
from tests.support.clients import async_client
from tests.support.live_server import LiveServer
from tests.support.redis_server import RedisServer
from tests.support.waiting import until
from tests.tasks.sync_client import create

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'
"""
SHADOW = """
CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS '';
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
END $$
"""
LONG = 50
"""Seconds of a wait, longer than `PATIENCE`."""
PATIENCE = 30


@pytest.fixture
async def login(empty_database: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database of the test, which has Taskward's schema."""
    database = Database(empty_database, pool_size=1, wall=WALL)
    await migrate(database)
    await database.close()
    connection = await asyncpg.connect(**empty_database.for_driver)
    yield connection
    await connection.close()


async def test_a_message_to_everyone_reaches_another_process(
    settings: Settings, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each message is about more users than an outbox keeps.
    monkeypatch.setattr(outbox, "MAX_USERS", 0)
    with structlog.testing.capture_logs() as lines, two(settings) as servers:
        await a_change_arrives(servers, user, lambda: are_connected(lines))
        await a_change_arrives(servers, user)
        assert carriers(servers) == {"listen"}


async def test_polling_takes_over_if_messages_do_not_come_back(
    settings: Settings, user: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "ECHO_SECONDS", 0.5)
    monkeypatch.setattr(signals, "PING_SECONDS", 0.5)
    shared = {"rate_limit_storage": SecretStr(redis.url)}
    async with Redis.from_url(redis.url) as administrator:

        async def unpause() -> None:
            await administrator.client_unpause()

        with structlog.testing.capture_logs() as lines, two(settings, **shared) as servers:

            async def pause() -> None:
                await are_connected(lines)
                # Redis accepts connections and subscriptions, but delivers nothing.
                await administrator.client_pause(600_000, all=False)
                await until(lambda: carriers(servers[1:]) == {"polling"})

            try:
                await a_change_arrives(servers, user, pause)
            finally:
                await unpause()
            lost = [line["reason"] for line in lines if line["event"] == "signals lost"]
            assert "messages do not come back" in lost
            await until(lambda: carriers(servers) == {"redis"})
            await a_change_arrives(servers, user)
            assert carriers(servers) == {"redis"}


async def test_polling_takes_over_if_a_notification_is_lost(
    settings: Settings,
    user: str,
    empty_database: DatabaseUrl,
    login: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals, "ECHO_SECONDS", 0.5)
    monkeypatch.setattr(signals, "PING_SECONDS", 0.5)
    # What sends a notification succeeds, but sends nothing.
    await login.execute(SHADOW)
    with (
        structlog.testing.capture_logs() as lines,
        two(settings, database_url=empty_database) as servers,
    ):
        await a_change_arrives(servers, user)
        reasons = {line["reason"] for line in lines if line["event"] == "signals lost"}
        assert reasons == {"messages do not come back"}
        assert carriers(servers) == {"polling"}


async def test_polling_continues_after_an_error(
    settings: Settings, user: str, empty_database: DatabaseUrl, login: asyncpg.Connection
) -> None:
    with (
        structlog.testing.capture_logs() as lines,
        two(settings, database_url=empty_database, database_pooler="transaction") as servers,
    ):
        assert carriers(servers) == {"polling"}

        async def lose_connections() -> None:
            for _ in range(5):
                await login.execute(CUT)
                await asyncio.sleep(0.3)

        async def fail() -> None:
            await login.execute("ALTER TABLE users RENAME TO others")
            await until(lambda: any(line["event"] == "polling failed" for line in lines))
            await login.execute("ALTER TABLE others RENAME TO users")

        await a_change_arrives(servers, user, lose_connections)
        await a_change_arrives(servers, user, fail)


async def are_connected(lines: Sequence[Mapping[str, Any]]) -> None:
    """Wait until both servers have connected, one because of a change, one because of a wait."""
    await until(lambda: [line["event"] for line in lines].count("signals connected") == 2)


async def nothing() -> None:
    """Disturb nothing."""


async def a_change_arrives(
    servers: list[LiveServer], user: str, disturb: Callable[[], Awaitable[None]] = nothing
) -> None:
    """Wait on one server for a change that another one makes, after a disturbance."""
    writing, waiting = servers
    async with async_client(writing, user) as writer, async_client(waiting, user) as reader:
        await create(writer)
        since = (await reader.get("/api/tasks/changes")).json()["next"]
        query = {"since": since, "wait": LONG}
        change = asyncio.create_task(reader.get("/api/tasks/changes", params=query, timeout=60))
        await until(lambda: waiting.app.services.waiters.count == 1)
        await disturb()
        await create(writer)
        async with asyncio.timeout(PATIENCE):
            assert len((await change).json()["changes"]) == 1
