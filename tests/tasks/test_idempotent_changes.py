"""Story: I retry any change that got no response, and it is made once."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from app.openapi import read
from quart_contract.operations import Operation, operations
from tests.isolation.plans import PLANS
from tests.tasks.test_conditional import CHANGES

KEY = "Idempotency-Key"
SECURED = [each for each in operations(read()) if each.schemes]
ELSEWHERE = [
    each for each in operations(read()) if KEY not in {header.name for header in each.headers}
]
UPDATES = [name for name in CHANGES if name != "deleteTask"]


async def created(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/tasks", json={"title": "x"})


async def send(
    client: httpx.AsyncClient,
    name: str,
    address: str,
    key: str,
    headers: dict[str, str] | None = None,
    body: object = None,
) -> httpx.Response:
    method, path, usual = CHANGES[name]
    headers = {KEY: key, **(headers or {})}
    return await client.request(method, address + path, json=body or usual, headers=headers)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_repeat_changes_nothing_and_gets_the_response_again(
    client: httpx.AsyncClient, name: str
) -> None:
    address, key = (await created(client)).headers["Location"], str(uuid4())
    first = await send(client, name, address, key)
    assert first.is_success
    assert "Idempotent-Replayed" not in first.headers
    for headers in ({}, {"If-Match": '"1"'}):
        again = await send(client, name, address, key, headers=headers)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers.get("ETag") == first.headers.get("ETag")
        assert again.headers["Idempotent-Replayed"] == "true"
    assert (await client.get("/api/me")).json()["revision"] == 2


@pytest.mark.parametrize("name", UPDATES)
async def test_a_repeat_shows_the_task_as_it_is_now(client: httpx.AsyncClient, name: str) -> None:
    address, key = (await created(client)).headers["Location"], str(uuid4())
    await send(client, name, address, key)
    later = await client.patch(address, json={"title": "later", "completed": False})
    again = await send(client, name, address, key)
    assert (again.json(), again.headers["ETag"]) == (later.json(), later.headers["ETag"])
    await client.delete(address)
    gone = await send(client, name, address, key)
    assert (gone.status_code, gone.json()["code"]) == (404, "task_not_found")


@pytest.mark.parametrize("name", CHANGES)
async def test_a_key_belongs_to_one_task_and_body(client: httpx.AsyncClient, name: str) -> None:
    made, other = await created(client), await created(client)
    key = str(uuid4())
    await send(client, name, made.headers["Location"], key)
    refused = [await send(client, name, other.headers["Location"], key)]
    if name != "deleteTask":
        body = {"completed": False} if name == "completeTask" else {"title": "another"}
        refused.append(await send(client, name, made.headers["Location"], key, body=body))
    for each in refused:
        assert (each.status_code, each.json()["code"]) == (422, "idempotency_key_reused")
    assert (await client.get(other.headers["Location"])).json() == other.json()


async def test_a_key_belongs_to_one_kind_of_change(client: httpx.AsyncClient) -> None:
    address, key = (await created(client)).headers["Location"], str(uuid4())
    for name in CHANGES:
        response = await send(client, name, address, key)
        assert response.is_success
        assert "Idempotent-Replayed" not in response.headers


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_that_fails_is_not_stored(client: httpx.AsyncClient, name: str) -> None:
    address, key = (await created(client)).headers["Location"], str(uuid4())
    stale = {"If-Match": '"9"'}
    assert (await send(client, name, address, key, headers=stale)).status_code == 412
    absent = f"/api/tasks/{uuid4()}"
    assert (await send(client, name, absent, key)).status_code == 404
    made = await send(client, name, address, key)
    assert made.is_success
    assert "Idempotent-Replayed" not in made.headers


@pytest.mark.parametrize("name", ["updateTask", "deleteTask"])
async def test_a_hundred_repeats_at_once_make_one_change(
    client: httpx.AsyncClient, name: str
) -> None:
    address, key = (await created(client)).headers["Location"], str(uuid4())

    async def insist() -> tuple[int, bytes]:
        while (response := await send(client, name, address, key)).status_code == 409:
            assert response.json()["code"] == "idempotency_key_in_use"
            assert response.headers["Retry-After"] == "1"
        return response.status_code, response.content

    outcomes = set(await asyncio.gather(*(insist() for _ in range(100))))
    assert len(outcomes) == 1
    assert outcomes.pop()[0] < 300
    assert (await client.get("/api/me")).json()["revision"] == 2


@pytest.mark.parametrize("operation", ELSEWHERE, ids=lambda each: each.id)
async def test_where_a_key_is_not_supported_it_is_rejected(
    client: httpx.AsyncClient, user: str, operation: Operation
) -> None:
    made, path = await created(client), operation.path
    if operation in SECURED:
        id_ = made.json()["id"]
        path = PLANS[operation.id].request(operation, id_, user).target
    refused = await client.request(operation.method, path, headers={KEY: "a key"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"header": KEY, "detail": "is not supported by this operation"}
    ]
    assert (await client.get(made.headers["Location"])).json() == made.json()
