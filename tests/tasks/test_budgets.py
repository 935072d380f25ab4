"""The storage of a user besides tasks is limited: idempotency keys and tombstones."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.tasks.deletions import MAX_TOMBSTONES
from app.tasks.idempotency import MAX_KEY_BYTES
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from app.tasks.wall import WALL

LONG = {"title": "x" * 200, "description": "ü" * 10_000}


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


async def execute(database: Database, sql: str, **values: object) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        result = await connection.execute(text(sql), values)
        return [tuple(row) for row in result] if result.returns_rows else []


async def size(database: Database, table: str) -> int:
    sql = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname = :table"
    ((size,),) = await execute(database, sql, table=table)
    return int(size)


async def test_a_batch_that_changes_nothing_stores_next_to_nothing(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    task = (await client.post("/api/tasks", json=LONG)).json()
    patch = {"op": "update", "id": task["id"], "patch": {"title": LONG["title"]}}
    response = await client.post(
        "/api/tasks/batch", json={"operations": [patch] * 100}, headers=keyed()
    )
    assert len(response.content) > 2_000_000
    sql = "SELECT pg_column_size(k.*) FROM idempotency_keys k WHERE user_id = :user"
    ((stored,),) = await execute(database, sql, user=user)
    assert stored < 300


async def test_a_repeat_shows_created_tasks_as_then_and_updated_as_now(
    client: httpx.AsyncClient,
) -> None:
    ids = [(await client.post("/api/tasks", json=LONG)).json()["id"] for _ in range(3)]
    operations = [
        {"op": "update", "id": ids[0], "patch": {"completed": True}},
        {"op": "create", "task": {"title": "new", "due_at": "2026-12-01T09:00:00.5+02:00"}},
        {"op": "update", "id": ids[1], "patch": {"title": "b"}},
        {"op": "create", "task": {"title": "newer"}},
        {"op": "delete", "id": ids[2]},
    ]
    headers = keyed()

    async def send() -> httpx.Response:
        return await client.post(
            "/api/tasks/batch", json={"operations": operations}, headers=headers
        )

    first = await send()
    assert (await send()).content == first.content
    then = first.json()["results"]
    for index in (0, 1):
        await client.patch(f"/api/tasks/{then[index]['id']}", json={"title": "later"})
    for index in (2, 3):
        await client.delete(f"/api/tasks/{then[index]['id']}")
    again = await send()
    assert again.headers["Idempotent-Replayed"] == "true"
    now = again.json()["results"]
    assert now[0] == {**then[0], "task": (await client.get(f"/api/tasks/{ids[0]}")).json()}
    assert now[2] == {**then[2], "task": None}
    assert [now[index] for index in (1, 3, 4)] == [then[index] for index in (1, 3, 4)]


async def test_a_key_beyond_the_budget_is_rejected_without_a_change(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    stored = keyed()
    first = await client.post("/api/tasks", json={"title": "x"}, headers=stored)
    use_up = "UPDATE users SET key_bytes = :bytes WHERE id = :user"
    await execute(database, use_up, bytes=MAX_KEY_BYTES - 100, user=user)
    before = (await client.get("/api/me")).json()
    batch = {"operations": [{"op": "create", "task": {"title": "x"}}]}
    for path, body in (("/api/tasks", {"title": "x"}), ("/api/tasks/batch", batch)):
        refused = await client.post(path, json=body, headers=keyed())
        assert (refused.status_code, refused.json()["code"]) == (409, "storage_budget_reached")
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert (await client.get("/api/me")).json() == before
    again = await client.post("/api/tasks", json={"title": "x"}, headers=stored)
    assert again.content == first.content
    assert (await client.post("/api/tasks", json={"title": "x"})).status_code == 201
    over = "UPDATE users SET key_bytes_since = now() - interval '24:00:01' WHERE id = :user"
    await execute(database, over, user=user)
    assert (await client.post("/api/tasks", json={}, headers=keyed())).status_code == 422
    assert (
        await client.post("/api/tasks", json={"title": "x"}, headers=keyed())
    ).status_code == 201
    ((bytes_,),) = await execute(database, "SELECT key_bytes FROM users WHERE id = :u", u=user)
    assert 0 < bytes_ < 1000


@pytest.fixture
async def alone(empty_database: DatabaseUrl) -> Any:  # noqa: ANN401 - a fixture
    """Create a database whose tables have one user only."""
    database = Database(empty_database, pool_size=4, wall=WALL)
    await migrate(database)
    yield database
    await database.close()


async def test_what_is_charged_is_what_keys_take_on_the_disk(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    """The estimate is between half and twice the real size, for any key and outcome."""
    before = await size(database, "idempotency_keys")
    batch = {"operations": [{"op": "create", "task": {"title": "x"}}] * 100}
    for _ in range(10):
        await client.post("/api/tasks/batch", json=batch, headers=keyed())
    sql = """
    SELECT key_bytes, (SELECT sum(pg_column_size(k.*) + 2 * (28 + pg_column_size(k.user_id)) +
                                  pg_column_size(k.operation) + pg_column_size(k.key))
                       FROM idempotency_keys k WHERE user_id = users.id)
    FROM users WHERE id = :user
    """
    ((charged, taken),) = await execute(database, sql, user=user)
    assert taken / 2 < charged < taken * 2
    assert await size(database, "idempotency_keys") >= before


async def test_version_0_2_responds_503_to_a_repeat_of_a_newer_key(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    """Version 0.2 reads these columns, and makes its response from them."""
    await client.post("/api/tasks", json={"title": "x"}, headers=keyed())
    sql = "SELECT status, headers, body FROM idempotency_keys WHERE user_id = :user"
    assert await execute(database, sql, user=user) == [(503, {"Retry-After": "1"}, b"")]


async def test_a_key_of_version_0_2_is_repeated_as_it_was_stored(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    headers = keyed()
    first = await client.post("/api/tasks", json={"title": "x"}, headers=headers)
    old = """
    UPDATE idempotency_keys
    SET outcome = NULL, status = 201, body = :body, revision = 0,
        headers = CAST(CAST(:headers AS text) AS jsonb)
    WHERE user_id = :user
    """
    kept = json.dumps({name: first.headers[name] for name in ("Location", "ETag")})
    await execute(database, old, headers=kept, body=first.content, user=user)
    again = await client.post("/api/tasks", json={"title": "x"}, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_a_repeat_while_the_users_row_is_locked_gets_409(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    await client.post("/api/tasks", json={"title": "x"})
    headers = keyed()
    batch = {"operations": [{"op": "create", "task": {"title": "y"}}]}
    async with database.transaction() as connection:
        lock = text("SELECT FROM users WHERE id = :user FOR UPDATE")
        await connection.execute(lock, {"user": user})
        pair = [
            asyncio.create_task(client.post("/api/tasks/batch", json=batch, headers=headers))
            for _ in range(2)
        ]
        done, waiting = await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = [each.result() for each in done]
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_in_use")
    assert (await waiting.pop()).status_code == 200


async def test_a_tombstone_outlives_so_many_changes_and_no_more(alone: Database) -> None:
    store = TaskStore(alone.session("ada"))
    ids = [(await store.create(TaskInput(title="x"), max_tasks=99)).id for _ in range(9)]
    fill = """
    INSERT INTO tombstones (user_id, id, revision)
    SELECT 'ada', gen_random_uuid(), 9 + n FROM generate_series(1, :count) n
    """
    await execute(alone, fill, count=MAX_TOMBSTONES)
    move = "UPDATE users SET revision = 9 + :count WHERE id = 'ada'"
    await execute(alone, move, count=MAX_TOMBSTONES)
    before = await size(alone, "tombstones")
    sql = "SELECT count(*), min(revision), (SELECT feed_floor FROM users) FROM tombstones"
    for number, id_ in enumerate(ids, 1):
        await store.delete(id_)
        ((count, oldest, floor),) = await execute(alone, sql)
        assert (count, oldest, floor) == (MAX_TOMBSTONES, 10 + number, 9 + number)
    assert await size(alone, "tombstones") < 1.05 * before
    assert before / MAX_TOMBSTONES < 300


async def test_a_change_token_from_before_a_dropped_tombstone_gets_410(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    tasks = [
        (await client.post("/api/tasks", json={"title": "x"})).headers["Location"] for _ in "ab"
    ]
    since = (await client.get("/api/tasks/changes")).json()["next"]
    await client.delete(tasks[0])
    after = (await client.get("/api/tasks/changes", params={"since": since})).json()["next"]
    move = "UPDATE users SET revision = revision + :count WHERE id = :user"
    await execute(database, move, count=MAX_TOMBSTONES, user=user)
    later = await client.get("/api/tasks/changes", params={"since": since})
    assert [each["deleted"] for each in later.json()["changes"]] == [True]
    await client.delete(tasks[1])
    gone = await client.get("/api/tasks/changes", params={"since": since})
    assert (gone.status_code, gone.json()["code"]) == (410, "change_token_expired")
    told = (await client.get("/api/tasks/changes", params={"since": after})).json()["changes"]
    assert [each["deleted"] for each in told] == [True]
