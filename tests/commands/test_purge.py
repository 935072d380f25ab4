"""`purge` deletes expired rows, and `serve` does so automatically."""

import asyncio
import time

import asyncpg
import pytest
import structlog
from sqlalchemy import text

from app.commands.purge import purge_in_background
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.tasks import erasures
from app.tasks.wall import WALL
from tests.commands.conftest import bare_application
from tests.support.clients import get, sync_client
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET

EXPIRED = """
INSERT INTO users (id, revision, task_count) VALUES ('ada', 1, 0);
INSERT INTO tombstones SELECT 'ada', gen_random_uuid(), 1, now() - interval '31 days';
INSERT INTO idempotency_keys
SELECT 'ada', 'create_task', 'key', '', 201, '{}', '', now() - interval '25 hours'
"""


@pytest.fixture
def url(empty_database: DatabaseUrl) -> str:
    return empty_database.text


def execute(url: str, sql: str) -> list[tuple[object, ...]]:
    async def run() -> list[tuple[object, ...]]:
        database = Database(DatabaseUrl(url), pool_size=1, wall=WALL)
        async with database.transaction() as connection:
            for statement in sql.split(";"):
                result = await connection.execute(text(statement))
        await database.close()
        return [tuple(row) for row in result] if result.returns_rows else []

    return asyncio.run(run())


def left(url: str) -> int:
    sql = "SELECT (SELECT count(*) FROM tombstones) + (SELECT count(*) FROM idempotency_keys)"
    ((count,),) = execute(url, sql)
    assert isinstance(count, int)
    return count


def test_purge_says_what_it_dropped(taskward: Taskward, url: str) -> None:
    refused = taskward.run("purge", DATABASE_URL=url)
    assert (refused.status, refused.out) == (1, "")
    assert "Run python -m app migrate" in refused.err
    taskward.run("migrate", DATABASE_URL=url)
    execute(url, EXPIRED)
    dropped = taskward.run("purge", DATABASE_URL=url)
    assert dropped.out == "Deleted 1 expired idempotency keys and 1 expired tombstones.\n"
    assert left(url) == 0
    assert "Deleted 0 " in taskward.run("purge", DATABASE_URL=url).out


async def test_a_failed_purge_is_retried_and_stops_nothing(
    empty_database: DatabaseUrl,
) -> None:
    app = bare_application(empty_database)
    purge_in_background(app)
    await app.startup()
    await asyncio.sleep(0.3)  # by then it has failed, because there are no tables
    await app.shutdown()  # raises the exception of a background task
    await app.services.database.close()


def test_serve_purges_in_the_background(taskward: Taskward, url: str) -> None:
    taskward.run("migrate", DATABASE_URL=url)
    execute(url, EXPIRED)
    server = taskward.serve("serve", DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET)
    deadline = time.monotonic() + 10
    while left(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left(url) == 0
    finished = taskward.stop(server)
    assert finished.status == 0
    assert '"tombstones":1' in finished.err


ERASED = """
INSERT INTO users (id, revision, task_count, erased_revision) VALUES ('eve', 900, 0, 900);
INSERT INTO tasks (user_id, id, title, revision)
SELECT 'eve', gen_random_uuid(), 'x', n FROM generate_series(1, 800) n;
INSERT INTO erasures (user_id, revision) VALUES ('eve', 900)
"""
MANY = """
INSERT INTO users (id, revision, task_count) VALUES ('eve', 20000, 20000);
INSERT INTO tasks (user_id, id, title, revision)
SELECT 'eve', gen_random_uuid(), 'x', n FROM generate_series(1, 20000) n
"""
USERS = "SELECT (SELECT count(*) FROM users WHERE id = 'eve') + (SELECT count(*) FROM tasks)"


def test_purge_finishes_erasures_and_fails_where_it_cannot(taskward: Taskward, url: str) -> None:
    taskward.run("migrate", DATABASE_URL=url)
    execute(url, ERASED)
    execute(url, "CREATE RULE planted AS ON DELETE TO tasks DO INSTEAD NOTHING")
    left = taskward.run("purge", DATABASE_URL=url)
    assert left.status == 1
    assert "rows of 1 users could not be deleted" in left.err
    execute(url, "DROP RULE planted ON tasks")
    finished = taskward.run("purge", DATABASE_URL=url)
    assert (finished.status, finished.out.splitlines()[0]) == (
        0,
        "Deleted the rows of 1 erased users.",
    )
    assert execute(url, USERS) == [(0,)]


def test_purge_leaves_erasures_to_the_server_that_works_on_them(
    taskward: Taskward, url: str
) -> None:
    taskward.run("migrate", DATABASE_URL=url)
    execute(url, f"{EXPIRED}; {ERASED}")
    with asyncio.Runner() as other:
        server = other.run(asyncpg.connect(url))
        other.run(server.execute(f"SELECT pg_advisory_lock({erasures.LOCK})"))
        finished = taskward.run("purge", DATABASE_URL=url)
        other.run(server.close())
    assert finished.out == "Deleted 1 expired idempotency keys and 1 expired tombstones.\n"
    assert finished.status == 0


async def test_a_background_purge_survives_an_outage() -> None:
    app = bare_application()
    with structlog.testing.capture_logs() as logs:
        purge_in_background(app)
        await app.startup()
        await asyncio.sleep(0.3)
        await app.shutdown()
    assert {log["event"] for log in logs} >= {"purge failed", "erasure failed"}


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_a_server_finishes_an_erasure_that_a_crash_interrupted(
    taskward: Taskward, url: str, command: str
) -> None:
    """Kill the server between the response and the end of the deletion, then start it again."""
    taskward.run("migrate", DATABASE_URL=url)
    execute(url, MANY)
    server = taskward.serve(command, DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET)
    with sync_client(taskward, "eve") as client:
        assert client.delete("/api/me", params={"confirm": "eve"}).status_code == 204
        assert client.get("/api/me").json()["task_count"] == 0
        server.kill()
        server.communicate()
    ((left,),) = execute(url, "SELECT count(*) FROM tasks")
    assert isinstance(left, int)
    assert left > 0
    taskward.serve(command, DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET)
    assert get(taskward, "/api/tasks", "eve").json()["items"] == []
    deadline = time.monotonic() + 60
    while execute(url, USERS) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert execute(url, USERS) == [(0,)]
