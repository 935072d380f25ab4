"""Behind a real PgBouncer, which gives every transaction another connection, the wall works."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from app import create_app
from app.database.database import Database
from app.database.driver import pool
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.database.wall.citus import CITUS
from app.database.wall.layout import ONE_POSTGRESQL
from app.settings import Settings
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from app.tasks.wall import WALL
from tests.support.clients import async_client
from tests.support.live_server import LiveServer, live
from tests.support.pgbouncer import pgbouncer

KEY = {"Idempotency-Key": "k"}
SERVER_CONNECTIONS = 3
LEFT_BEHIND = """
SELECT pg_backend_pid() AS backend,
       (SELECT count(*) FROM pg_prepared_statements) AS statements,
       (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')
           AS locks,
       current_setting('role') AS role,
       coalesce(current_setting('app.user_id', true), '') AS user_id,
       (SELECT string_agg(name, ' ') FROM pg_settings
        WHERE source = 'session' AND setting <> reset_val) AS settings
"""
NOTHING = {"statements": 0, "locks": 0, "role": "none", "user_id": "", "settings": None}
COUNT = "SELECT count(*) FROM tasks"
LOCK_TIMEOUT = text("SELECT current_setting('lock_timeout')")
STATEMENT_TIMEOUT = text("SELECT current_setting('statement_timeout')")


@pytest.fixture
def pooled(database_url: DatabaseUrl) -> Iterator[DatabaseUrl]:
    """The database through the pooler."""
    with pgbouncer(database_url) as url:
        yield url


@pytest.fixture
async def clients(pooled: DatabaseUrl) -> AsyncIterator[list[asyncpg.Connection]]:
    """Three clients that share the pooler's only connection."""
    clients = [await asyncpg.connect(**pooled.for_driver, statement_cache_size=0) for _ in range(3)]
    yield clients
    for each in clients:
        await each.close()


async def left_behind(pooled: DatabaseUrl) -> list[asyncpg.Record]:
    """Return the state of each server connection of the pooler, while all of them are held."""
    async with AsyncExitStack() as stack:
        held = []
        for _ in range(SERVER_CONNECTIONS):
            client = await asyncpg.connect(**pooled.for_driver, statement_cache_size=0)
            stack.push_async_callback(client.close)
            await client.execute("BEGIN")
            held.append(client)
        return [await client.fetchrow(LEFT_BEHIND) for client in held]


async def test_the_api_works_through_a_pooler_and_leaves_nothing_there(
    database_url: DatabaseUrl, settings: Settings
) -> None:
    with pgbouncer(database_url, size=SERVER_CONNECTIONS) as pooled:
        await use_everything(pooled, settings)
        left = await left_behind(pooled)
    assert len({row["backend"] for row in left}) == SERVER_CONNECTIONS
    assert [{name: row[name] for name in NOTHING} for row in left] == [NOTHING] * len(left)


async def use_everything(pooled: DatabaseUrl, settings: Settings) -> None:
    """Use each operation through the pooler, as several users at once."""
    through = {"database_url": pooled, "database_pooler": "transaction"}
    app = create_app(settings.model_copy(update=through))

    async def use(server: LiveServer, user: str) -> None:
        async with async_client(server, user) as client:
            for number in range(10):
                made = await client.post("/api/tasks", json={"title": str(number)}, headers=KEY)
                address = made.headers["Location"]
                assert (await client.patch(f"{address}/complete")).json()["completed"]
                assert (await client.get("/api/tasks?q=0")).is_success
                assert (await client.get("/api/tasks/changes")).is_success
                listed = await client.get("/api/tasks")
                assert {each["user_id"] for each in listed.json()["items"]} == {user}
                assert (await client.delete(address)).status_code == 204
                again = await client.post("/api/tasks", json={"title": str(number)}, headers=KEY)
                assert again.content == made.content
                assert (await client.get("/api/me")).json()["task_count"] == 0
                assert (await client.delete("/api/me", params={"confirm": user})).status_code == 204

    with live(app) as server:
        async with async_client(server) as anybody:
            assert (await anybody.get("/health/ready")).status_code == 200
        await asyncio.gather(*(use(server, f"user {uuid4()}") for _ in range(4)))


async def test_the_lock_timeout_is_the_same_behind_a_pooler(
    pooled: DatabaseUrl, database_url: DatabaseUrl
) -> None:
    for url, pooler in ((database_url, False), (pooled, True)):
        database = Database(url, pool_size=1, wall=WALL, pooler=pooler)
        (row,) = await database.session("ada").read(LOCK_TIMEOUT)
        assert row[0] == "3s"
        await database.close()


async def test_a_migration_behind_a_pooler_has_no_statement_limit(
    empty_database: DatabaseUrl,
) -> None:
    login = Database(empty_database, pool_size=1, wall=WALL)
    name = empty_database.for_sqlalchemy.database
    async with login.transaction() as connection:
        await connection.execute(text(f"ALTER DATABASE {name} SET statement_timeout = '250ms'"))
    await login.close()
    with pgbouncer(empty_database) as url:
        database = Database(url, pool_size=1, wall=WALL, pooler=True)
        async with database.maintenance_connection() as connection, connection.begin():
            assert (await connection.execute(STATEMENT_TIMEOUT)).scalar_one() == "0"
        async with database.transaction() as connection:
            assert (await connection.execute(STATEMENT_TIMEOUT)).scalar_one() == "250ms"
        await database.close()


async def test_a_pooler_that_is_not_told_of_lets_nothing_through(pooled: DatabaseUrl) -> None:
    """Otherwise a role that one client has set would apply to another client's connection."""
    database = Database(pooled, pool_size=1, wall=WALL)
    with pytest.raises(
        DatabaseUnavailableError, match=r"unsupported startup parameter.*DATABASE_POOLER"
    ):
        await TaskStore(database.session("ada")).summary(max_tasks=1)
    await database.close()


async def test_a_pooler_that_drops_the_role_lets_nothing_through(
    database_url: DatabaseUrl,
) -> None:
    dropping = f"ignore_startup_parameters = {','.join(pool.SETTINGS)}"
    with pgbouncer(database_url, mode="session", more=dropping) as url:
        database = Database(url, pool_size=1, wall=WALL)
        with pytest.raises(DatabaseUnavailableError, match="DATABASE_POOLER"):
            await TaskStore(database.session("ada")).summary(max_tasks=1)
        await database.close()


async def test_nothing_of_a_user_reaches_the_next_transaction(
    clients: list[asyncpg.Connection], database_url: DatabaseUrl, is_distributed: bool
) -> None:
    ada, eve = f"ada {uuid4()}", f"eve {uuid4()}"
    database = Database(database_url, pool_size=1, wall=WALL)
    for user, count in ((ada, 3), (eve, 1)):
        for _ in range(count):
            await TaskStore(database.session(user)).create(TaskInput(title="x"), max_tasks=9)
    await database.close()

    layout = CITUS if is_distributed else ONE_POSTGRESQL

    async def ask(client: asyncpg.Connection, user: str) -> tuple[int, object, str]:
        await client.execute(layout.begin(user))
        count = await client.fetchval(COUNT)
        backend = await client.fetchval("SELECT pg_backend_pid()")
        return count, backend, await client.execute("COMMIT")

    backends = set()
    for _ in range(20):
        responses = await asyncio.gather(
            ask(clients[0], ada), ask(clients[1], eve), ask(clients[2], f"nobody {uuid4()}")
        )
        assert [(count, end) for count, _, end in responses] == [(n, "COMMIT") for n in (3, 1, 0)]
        backends |= {backend for _, backend, _ in responses}
        left = await clients[2].fetchrow(
            "SELECT current_user = session_user, coalesce(current_setting('app.user_id', true), '')"
        )
        assert left is not None
        assert tuple(left) == (True, "")
    assert len(backends) == 1
