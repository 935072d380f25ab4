"""Transactions that PostgreSQL rolls back because of another one are retried without an error."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from app import create_app
from app.database.database import Database
from app.database.driver.conflicts import retry_on_conflict
from app.database.driver.errors import ConflictError
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.settings import Settings
from app.tasks.wall import WALL
from tests.support.clients import async_client
from tests.support.live_server import live

TASK = {"title": "x"}
BATCH = {"operations": [{"op": "create", "task": TASK}]}
KEY = {"Idempotency-Key": "a key"}

# A rollback does not reset a sequence: two of three attempts fail.
FAILING_TWICE = """
CREATE SEQUENCE attempts;
GRANT USAGE ON attempts TO taskward_app;
CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('attempts') % 3 <> 0 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail_twice BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION fail_twice();
"""
WAITS_FOR_US = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
)
"""


@pytest.fixture
async def login(empty_database: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a separate database, which a server can use, too."""
    database = Database(empty_database, pool_size=1, wall=WALL)
    await migrate(database)
    await database.close()
    connection = await asyncpg.connect(**empty_database.for_driver)
    yield connection
    await connection.close()


@pytest.fixture
async def ada(
    settings: Settings,
    empty_database: DatabaseUrl,
    login: asyncpg.Connection,  # noqa: ARG001 - it creates the schema
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server on that database; the server has not connected to it yet."""
    app = create_app(settings.model_copy(update={"database_url": empty_database}))
    with live(app) as server:
        async with async_client(server, "ada") as client:
            yield client


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/api/tasks", TASK, {}),
        ("/api/tasks", TASK, KEY),
        ("/api/tasks/batch", BATCH, {}),
        ("/api/tasks/batch", BATCH, KEY),
    ],
)
async def test_a_change_that_could_not_be_serialized_is_done_again(
    ada: httpx.AsyncClient,
    login: asyncpg.Connection,
    path: str,
    body: object,
    headers: dict[str, str],
) -> None:
    await login.execute(FAILING_TWICE)
    response = await ada.post(path, json=body, headers=headers)
    assert response.is_success
    assert await login.fetchval("SELECT nextval('attempts')") == 4
    assert (await ada.get("/api/me")).json()["task_count"] == 1


async def test_the_victim_of_a_deadlock_makes_its_change_again(
    ada: httpx.AsyncClient, login: asyncpg.Connection
) -> None:
    address = (await ada.post("/api/tasks", json=TASK)).headers["Location"]
    # The session that checks for a deadlock first is cancelled.
    await login.execute("SET deadlock_timeout = '20s'")
    async with login.transaction():
        await login.execute("SELECT FROM tasks FOR UPDATE")
        change = asyncio.create_task(ada.patch(address, json={"title": "y"}))
        while not await login.fetchval(WAITS_FOR_US):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.02)
        await login.execute("SELECT FROM users FOR UPDATE")
    assert (await change).status_code == 200
    assert (await ada.get(address)).json()["title"] == "y"


async def test_changes_do_not_conflict_under_any_default_isolation(
    ada: httpx.AsyncClient, login: asyncpg.Connection, empty_database: DatabaseUrl
) -> None:
    name = empty_database.for_sqlalchemy.database
    await login.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    kinds = [("/api/tasks", TASK), ("/api/tasks/batch", BATCH)] * 10
    responses = await asyncio.gather(*(ada.post(path, json=body) for path, body in kinds))
    assert all(each.is_success for each in responses)


async def test_a_conflict_without_an_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.database.driver.conflicts.FIRST_PAUSE_SECONDS", 0)
    attempts = []

    async def fail() -> None:
        attempts.append(1)
        raise ConflictError

    with pytest.raises(ConflictError):
        await retry_on_conflict(fail)
    assert len(attempts) == 5
