"""Story: I retry a request that got no response, and nothing happens twice."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.database.database import Database

TASK = {"title": "Buy milk", "due_at": "2026-12-01T09:00:00Z"}
BATCH = {"operations": [{"op": "create", "task": {"title": "x"}}]}
REQUESTS: list[tuple[str, Any]] = [("/api/tasks", TASK), ("/api/tasks/batch", BATCH)]


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid4())}


async def count(client: httpx.AsyncClient) -> int:
    number: int = (await client.get("/api/me")).json()["task_count"]
    return number


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_a_repeat_gets_the_first_answer_and_does_nothing(
    client: httpx.AsyncClient, path: str, body: object
) -> None:
    headers = keyed()
    first = await client.post(path, json=body, headers=headers)
    assert first.is_success
    assert "Idempotent-Replayed" not in first.headers
    for _ in range(3):
        again = await client.post(path, json=body, headers=headers)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        for name in ("Location", "ETag", "Content-Type"):
            assert again.headers.get(name) == first.headers.get(name)
    assert await count(client) == 1


async def test_a_repeat_gets_the_first_answer_whatever_happened_since(
    client: httpx.AsyncClient,
) -> None:
    headers = keyed()
    first = await client.post("/api/tasks", json=TASK, headers=headers)
    await client.patch(first.headers["Location"], json={"title": "y"})
    assert (await client.post("/api/tasks", json=TASK, headers=headers)).content == first.content
    await client.delete(first.headers["Location"])
    assert (await client.post("/api/tasks", json=TASK, headers=headers)).content == first.content
    assert await count(client) == 0


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_of_a_hundred_requests_at_once_one_is_carried_out(
    client: httpx.AsyncClient, path: str, body: object
) -> None:
    headers, waited = keyed(), 0

    async def insist() -> bytes:
        nonlocal waited
        while (response := await client.post(path, json=body, headers=headers)).status_code == 409:
            assert response.json()["code"] == "idempotency_key_in_use"
            assert response.headers["Retry-After"] == "1"
            waited += 1
        assert response.is_success
        return response.content

    assert len(set(await asyncio.gather(*(insist() for _ in range(100))))) == 1
    assert await count(client) == 1


async def test_a_repeat_while_the_first_is_carried_out_is_told_to_wait(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    await client.post("/api/tasks", json=TASK)
    headers = keyed()
    async with database.transaction() as connection:
        lock = text("SELECT FROM users WHERE id = :user FOR UPDATE")
        await connection.execute(lock, {"user": user})
        pair = [
            asyncio.create_task(client.post("/api/tasks", json=TASK, headers=headers))
            for _ in range(2)
        ]
        done, waiting = await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
        assert [each.result().status_code for each in done] == [409]
    created = await waiting.pop()
    assert created.status_code == 201
    again = await client.post("/api/tasks", json=TASK, headers=headers)
    assert again.json() == created.json()
    assert await count(client) == 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"due_at": "2026-12-01T09:00:00Z", "title": "Buy milk"}',
        b'{ "title":"Buy\\u0020milk" , "due_at":"2026-12-01T09:00:00Z","description":null}',
    ],
)
async def test_the_same_body_in_other_words_is_the_same(
    client: httpx.AsyncClient, body: bytes
) -> None:
    headers = keyed() | {"Content-Type": "application/json"}
    first = await client.post("/api/tasks", content=json.dumps(TASK), headers=headers)
    again = await client.post("/api/tasks", content=body, headers=headers)
    assert again.content == first.content


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_another_body_under_the_same_key_is_refused(
    client: httpx.AsyncClient, path: str, body: object
) -> None:
    other = json.loads(json.dumps(body).replace('"title": "', '"title": "another '))
    headers = keyed()
    await client.post(path, json=body, headers=headers)
    refused = await client.post(path, json=other, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert [each["header"] for each in refused.json()["errors"]] == ["Idempotency-Key"]
    assert await count(client) == 1


async def test_a_key_belongs_to_one_user_and_one_operation(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    headers = keyed()
    for each in (client, stranger):
        for path, body in REQUESTS:
            response = await each.post(path, json=body, headers=headers)
            assert response.is_success
            assert "Idempotent-Replayed" not in response.headers
    assert (await count(client), await count(stranger)) == (2, 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [("k", '"k"'), ("a b", '"a b"'), ('a"b', r'"a\"b"'), (r"a\b", r'"a\\b"'), ("x" * 255,) * 2],
)
async def test_with_and_without_quotes_it_is_the_same_key(
    client: httpx.AsyncClient, first: str, second: str
) -> None:
    await client.post("/api/tasks", json=TASK, headers=keyed(first))
    again = await client.post("/api/tasks", json=TASK, headers=keyed(second))
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, '"', '""', '"a', '"a"b', r'"\a"', "\u00e9", "a\tb"])
async def test_what_is_no_key_is_refused_not_ignored(client: httpx.AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    refused = await client.post("/api/tasks", json=TASK, headers=headers)
    assert refused.status_code == 422
    assert [each["header"] for each in refused.json()["errors"]] == ["Idempotency-Key"]
    assert await count(client) == 0


async def test_a_key_that_is_given_twice_is_refused(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert (await client.post("/api/tasks", json=TASK, headers=headers)).status_code == 422


async def test_an_error_is_not_kept(client: httpx.AsyncClient) -> None:
    headers = keyed()
    missing = {"operations": [*BATCH["operations"], {"op": "delete", "id": str(uuid4())}]}
    assert (await client.post("/api/tasks", json={}, headers=headers)).status_code == 422
    assert (await client.post("/api/tasks/batch", json=missing, headers=headers)).status_code == 404
    for path, body in REQUESTS:
        response = await client.post(path, json=body, headers=headers)
        assert response.is_success
        assert "Idempotent-Replayed" not in response.headers
    assert await count(client) == 2


async def test_after_a_day_a_key_is_as_new(
    client: httpx.AsyncClient, user: str, database: Database
) -> None:
    headers = keyed()
    await client.post("/api/tasks", json=TASK, headers=headers)
    for age, tasks in (("23:59:50", 1), ("24:00:01", 2), ("00:00:00", 2)):
        async with database.transaction() as connection:
            sql = "UPDATE idempotency_keys SET created_at = now() - CAST(:age AS text)::interval"
            await connection.execute(
                text(f"{sql} WHERE user_id = :user"), {"age": age, "user": user}
            )
        assert (await client.post("/api/tasks", json=TASK, headers=headers)).status_code == 201
        assert await count(client) == tasks


async def test_after_erasure_a_key_is_as_new(client: httpx.AsyncClient, user: str) -> None:
    headers = keyed()
    await client.post("/api/tasks", json=TASK, headers=headers)
    await client.delete("/api/me", params={"confirm": user})
    response = await client.post("/api/tasks", json=TASK, headers=headers)
    assert "Idempotent-Replayed" not in response.headers
