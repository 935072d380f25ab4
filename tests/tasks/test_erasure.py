"""An erasure of many rows is final at once. The rows are deleted in the background."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver.housekeeping import BusyError
from app.database.driver.url import DatabaseUrl
from app.tasks.erasures import ERASED_AT_ONCE, Finished, finish_erasures
from app.tasks.store import TaskStore
from app.tasks.wall import WALL
from tests.isolation.caller import SECURED
from tests.isolation.plans import PLANS
from tests.support.pgbouncer import pgbouncer
from tests.tasks.test_me import rows_of

MANY = ERASED_AT_ONCE * 3
FILL = """
UPDATE users SET revision = revision + 3 * :many, task_count = task_count + :many WHERE id = :user;
INSERT INTO tasks (user_id, id, title, revision)
SELECT id, gen_random_uuid(), 'x', revision - n
FROM users, generate_series(0, :many - 1) n WHERE id = :user;
INSERT INTO tombstones (user_id, id, revision)
SELECT id, gen_random_uuid(), revision - :many - n
FROM users, generate_series(0, :many - 1) n WHERE id = :user;
INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, outcome, revision)
SELECT id, 'create_task', gen_random_uuid(), '', '', revision - n
FROM users, generate_series(0, :many - 1) n WHERE id = :user
"""
ABOUT_A_TASK = [name for name in SECURED if PLANS[name].about_a_task]


async def execute(database: Database, sql: str, **values: object) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        for statement in sql.split(";"):
            result = await connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


async def fill(client: httpx.AsyncClient, user: str, database: Database) -> dict[str, Any]:
    """Store so many rows of a user that an erasure cannot delete them at once. Return one task."""
    task: dict[str, Any] = (await client.post("/api/tasks", json={"title": "first"})).json()
    await execute(database, FILL, user=user, many=MANY)
    return task


async def erase(client: httpx.AsyncClient, user: str) -> None:
    assert (await client.delete("/api/me", params={"confirm": user})).status_code == 204


async def finish(database: Database) -> Finished:
    """Finish erasures as a server does: retry while another process does it."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await finish_erasures(database)
            except BusyError:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("confirm", ["", "another", None])
async def test_without_the_users_own_id_nothing_is_erased(
    client: httpx.AsyncClient, user: str, confirm: str | None
) -> None:
    await client.post("/api/tasks", json={"title": "x"})
    for value in (confirm, f"{user} ", user.upper()):
        parameters = {} if value is None else {"confirm": value}
        refused = await client.delete("/api/me", params=parameters)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert [each["parameter"] for each in refused.json()["errors"]] == ["confirm"]
    assert (await client.get("/api/me")).json()["task_count"] == 1


@pytest.mark.parametrize("name", ABOUT_A_TASK)
async def test_no_operation_reaches_an_erased_task(
    client: httpx.AsyncClient, user: str, database: Database, database_url: DatabaseUrl, name: str
) -> None:
    task = await fill(client, user, database)
    await erase(client, user)
    assert (await rows_of(user, database_url))["tasks"] == MANY + 1
    for starts_over in (False, True):
        if starts_over:
            await client.post("/api/tasks", json={"title": "new"})
        before = (await client.get("/api/me")).json()
        request = PLANS[name].request(SECURED[name], task["id"], user)
        response = await client.request(request.method, request.target, json=request.body)
        assert (response.status_code, response.json()["code"]) == (404, "task_not_found")
        assert (await client.get("/api/me")).json() == before


async def test_an_erased_user_is_as_one_who_never_was(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, user: str, database: Database
) -> None:
    await fill(client, user, database)
    listed = (await client.get("/api/tasks")).headers["ETag"]
    since = (await client.get("/api/tasks/changes", params={"limit": 1})).json()["next"]
    await erase(client, user)
    for path in ("/api/tasks", "/api/tasks?q=x&sort=due_at", "/api/tasks/changes"):
        of_erased, of_nobody = await client.get(path), await stranger.get(path)
        assert of_erased.json() == of_nobody.json()
        assert of_erased.headers.get("ETag") == of_nobody.headers.get("ETag")
    me = (await client.get("/api/me")).json()
    assert me == (await stranger.get("/api/me")).json() | {"user_id": user}
    assert (me["task_count"], me["deleted_count"], me["revision"]) == (0, 0, 0)
    assert (await client.get("/api/tasks", headers={"If-None-Match": listed})).status_code == 200
    assert (await client.get("/api/tasks/changes", params={"since": since})).status_code == 410


async def test_an_erased_key_is_as_new(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    keyed = {"Idempotency-Key": str(uuid4())}
    first = await client.post("/api/tasks", json={"title": "x"}, headers=keyed)
    await fill(client, user, database)
    await erase(client, user)
    again = await client.post("/api/tasks", json={"title": "x"}, headers=keyed)
    assert "Idempotent-Replayed" not in again.headers
    assert again.json()["id"] != first.json()["id"]
    assert (await client.get("/api/me")).json()["task_count"] == 1
    assert (await finish(database)).left == 0
    third = await client.post("/api/tasks", json={"title": "x"}, headers=keyed)
    assert third.content == again.content


async def test_the_rows_are_deleted_and_then_the_user(
    client: httpx.AsyncClient, user: str, database: Database, database_url: DatabaseUrl
) -> None:
    await fill(client, user, database)
    await erase(client, user)
    await erase(client, user)
    assert (await finish(database)).left == 0
    assert set((await rows_of(user, database_url)).values()) == {0}
    assert (await client.post("/api/tasks", json={"title": "x"})).json()["revision"] == 1


async def test_what_a_user_made_since_the_erasure_stays(
    client: httpx.AsyncClient, user: str, database: Database, database_url: DatabaseUrl
) -> None:
    for life in range(1, 3):
        await fill(client, user, database)
        await erase(client, user)
        made = await client.post("/api/tasks", json={"title": f"life {life}"})
        gone = await client.post("/api/tasks", json={"title": "gone"})
        await client.delete(gone.headers["Location"])
    since = (await client.get("/api/tasks/changes")).json()["next"]
    listed = (await client.get("/api/tasks")).json()["items"]
    assert (await finish(database)).left == 0
    assert (await client.get("/api/tasks")).json()["items"] == listed == [made.json()]
    rows = {"users": 1, "tasks": 1, "tombstones": 1, "idempotency_keys": 0, "erasures": 0}
    assert await rows_of(user, database_url) == rows
    changes = await client.get("/api/tasks/changes", params={"since": since})
    assert changes.json()["changes"] == []


async def test_changes_and_erasures_at_once_leave_the_counts_right(
    client: httpx.AsyncClient, user: str, database: Database, database_url: DatabaseUrl
) -> None:
    """Writers, a user who erases and starts over, and the deletion of the rows, all at once."""
    stopped = False

    async def write() -> None:
        headers = {"Idempotency-Key": str(uuid4())}
        while not stopped:
            made = await client.post("/api/tasks", json={"title": "x"}, headers=headers)
            assert made.status_code in {201, 409}
            batch = {"operations": [{"op": "create", "task": {"title": "y"}}] * 3}
            results = (await client.post("/api/tasks/batch", json=batch)).json()["results"]
            for result in results[:2]:
                done = await client.patch(f"/api/tasks/{result['id']}/complete")
                assert done.status_code in {200, 404}
            gone = await client.delete(f"/api/tasks/{results[0]['id']}")
            assert gone.status_code in {204, 404}

    async def keep_house() -> None:
        while not stopped:
            await finish(database)

    writers = [asyncio.create_task(each) for each in (write(), write(), keep_house())]
    for _ in range(4):
        await fill(client, user, database)
        await erase(client, user)
    stopped = True
    await asyncio.gather(*writers)
    assert (await finish(database)).left == 0
    me = (await client.get("/api/me")).json()
    feed = (await client.get("/api/tasks/changes", params={"limit": 200})).json()
    rows = await rows_of(user, database_url)
    assert len(feed["changes"]) == me["task_count"] == rows["tasks"] < MANY
    assert rows["erasures"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PATCH", "", {"title": "y"}), ("PATCH", "/complete", None), ("DELETE", "", None)],
)
async def test_a_change_that_waited_for_the_erasure_finds_nothing(
    client: httpx.AsyncClient,
    user: str,
    database: Database,
    method: str,
    path: str,
    body: dict[str, str] | None,
) -> None:
    task = await fill(client, user, database)
    async with database.transaction() as connection:
        lock = "SELECT FROM users WHERE id = :user FOR UPDATE"
        await connection.execute(text(lock), {"user": user})
        holder = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        erasing = asyncio.create_task(erase(client, user))
        await _until_waiting(database, holder, 1)
        address = f"/api/tasks/{task['id']}{path}"
        change = asyncio.create_task(client.request(method, address, json=body))
        await _until_waiting(database, holder, 2)  # both connections of the user's share
    await erasing
    assert (await change).status_code == 404
    assert (await client.get("/api/me")).json()["revision"] == 0


async def _until_waiting(database: Database, holder: int, number: int) -> None:
    """Wait until this many transactions wait for the holder of a lock, or for one that does."""
    sql = text(
        f"""WITH RECURSIVE waiting AS (
            SELECT {holder} AS pid
            UNION
            SELECT pg_locks.pid FROM pg_locks JOIN waiting
                ON waiting.pid = ANY (pg_blocking_pids(pg_locks.pid))
            WHERE NOT granted
        )
        SELECT count(*) - 1 FROM waiting"""
    )
    async with asyncio.timeout(3):
        while True:
            async with database.user_transaction("nobody") as transaction:
                if (await transaction.read(sql))[0][0] >= number:
                    return
            await asyncio.sleep(0.01)


@pytest.fixture
async def locked_task(
    client: httpx.AsyncClient, user: str, database: Database
) -> AsyncIterator[UUID]:
    """One task of many, whose row is locked."""
    id_ = UUID((await fill(client, user, database))["id"])
    async with database.engine.connect() as connection, connection.begin():
        lock = "SELECT FROM tasks WHERE user_id = :user AND id = :id FOR UPDATE"
        await connection.execute(text(lock), {"user": user, "id": id_})
        yield id_


@pytest.mark.usefixtures("locked_task")
async def test_a_locked_row_stops_neither_its_user_nor_others(
    client: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    user: str,
    database_url: DatabaseUrl,
) -> None:
    database = Database(database_url, pool_size=1, wall=WALL)
    other = (await stranger.get("/api/me")).json()["user_id"]
    await fill(stranger, other, database)
    for each, name in ((client, user), (stranger, other)):
        await erase(each, name)
    assert (await finish(database)).left == 1
    left = {"users": 1, "tasks": 1, "tombstones": 0, "idempotency_keys": 0, "erasures": 1}
    assert await rows_of(user, database_url) == left
    assert set((await rows_of(other, database_url)).values()) == {0}
    assert (await client.get("/api/tasks")).json()["items"] == []
    await database.close()


async def test_an_erasure_is_finished_through_a_pooler(
    client: httpx.AsyncClient, user: str, database: Database, database_url: DatabaseUrl
) -> None:
    await fill(client, user, database)
    with pgbouncer(database_url) as url:
        pooled = Database(url, pool_size=1, wall=WALL, pooler=True)
        assert not await TaskStore(pooled.session(user)).erase()
        assert (await client.get("/api/me")).json()["task_count"] == 0
        assert (await finish(pooled)).left == 0
        await pooled.close()
    assert set((await rows_of(user, database_url)).values()) == {0}
