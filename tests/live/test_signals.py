"""Story: my other device gets a change at once, although another process serves it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app import create_app
from app.database.driver.url import DatabaseUrl
from app.live.messages import MARKS_IN_A_MESSAGE, mark_of, messages_of
from app.live.outbox import MAX_USERS, Outbox
from app.settings import Settings
from tests.live.devices import write_and_read
from tests.support.live_server import LiveServer, live
from tests.support.pgbouncer import pgbouncer
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND query LIKE '%pg_notify%'
"""


@contextmanager
def two(settings: Settings, **others: Any) -> Iterator[list[LiveServer]]:  # noqa: ANN401
    """Run two servers, which share nothing but what the settings name."""
    changed = settings.model_copy(update=others)
    with ExitStack() as running:
        yield [running.enter_context(live(create_app(changed))) for _ in range(2)]


def carriers(servers: list[LiveServer]) -> set[str]:
    return {each.app.services.signals.current for each in servers}


@pytest.fixture
async def login(database_url: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    login = await asyncpg.connect(**database_url.for_driver)
    yield login
    await login.close()


async def test_one_process_loses_and_doubles_nothing(server: LiveServer, user: str) -> None:
    await write_and_read([server], user)


async def test_listen_recovers_when_its_connections_are_cut(
    settings: Settings, user: str, login: asyncpg.Connection
) -> None:
    with two(settings) as servers:

        async def cut() -> None:
            assert carriers(servers) == {"listen"}
            assert len(await login.fetch(CUT)) >= len(servers)

        await write_and_read(servers, user, cut)
        await until(lambda: carriers(servers) == {"listen"})
        await write_and_read(servers, f"{user}-2", changes=1)


async def test_polling_takes_over_while_redis_is_down(
    settings: Settings, user: str, redis: RedisServer
) -> None:
    with two(settings, rate_limit_storage=SecretStr(redis.url)) as servers:

        async def stop() -> None:
            assert carriers(servers) == {"redis"}
            await asyncio.to_thread(redis.stop)
            await until(lambda: carriers(servers) == {"polling"})

        await write_and_read(servers, user, stop)
        assert carriers(servers) == {"polling"}
        await asyncio.to_thread(redis.start)
        await until(lambda: carriers(servers) == {"redis"})
        await write_and_read(servers, f"{user}-2", changes=1)


async def test_polling_replaces_signals_behind_a_pooler(
    settings: Settings, user: str, database_url: DatabaseUrl
) -> None:
    with (
        pgbouncer(database_url, size=4) as pooled,
        two(settings, database_url=pooled, database_pooler="transaction") as servers,
    ):
        await write_and_read(servers, user)
        assert carriers(servers) == {"polling"}


def test_messages_fit_into_a_notification_and_hide_users() -> None:
    users = [f"user {number}" for number in range(2 * MARKS_IN_A_MESSAGE + 1)]
    messages = messages_of("sender", users)
    assert len(messages) == 3
    assert max(map(len, messages)) < 8000
    assert mark_of(users[0]) in messages[0]
    assert "user" not in "".join(messages)


def test_an_outbox_that_overflows_signals_everyone() -> None:
    outbox = Outbox()
    for number in range(MAX_USERS + 10):
        outbox.add(str(number))
    users = outbox.take()
    assert outbox.messages_of(users) == [f"{outbox.sender}:*"]
    outbox.restore(users)
    assert outbox.filled.is_set()
    assert outbox.take() == users
