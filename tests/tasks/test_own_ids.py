"""Story: my device makes the ids, so what it creates has one name, also without a connection."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.tasks.test_batch import Operation
from tests.tasks.test_batch_modes import batch

TITLED = {"title": "x"}
OTHER = "0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"
MANY = 48


async def create(client: httpx.AsyncClient, id_: str, **content: object) -> httpx.Response:
    return await client.post("/api/tasks", json={"id": id_, "title": "x", **content})


async def revision(client: httpx.AsyncClient) -> int:
    number: int = (await client.get("/api/me")).json()["revision"]
    return number


@pytest.mark.parametrize(
    "id_",
    [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        OTHER,
        "019AA3F0-7B6C-7D2E-9F41-3C5A8E1B2D70",
    ],
)
async def test_a_task_has_the_id_that_the_client_made(client: httpx.AsyncClient, id_: str) -> None:
    made = await create(client, id_)
    assert (made.status_code, made.json()["id"]) == (201, id_.lower())
    assert made.headers["Location"] == f"/api/tasks/{id_.lower()}"
    assert (await client.get(made.headers["Location"])).json() == made.json()
    again = await create(client, id_)
    assert (again.status_code, again.json()) == (200, made.json())
    assert again.headers["ETag"] == made.headers["ETag"]


@pytest.mark.parametrize(
    "id_", [None, "", 7, OTHER[1:], OTHER.replace("-", ""), f"{{{OTHER}}}", f"urn:uuid:{OTHER}"]
)
async def test_what_is_no_id_is_rejected(client: httpx.AsyncClient, id_: object) -> None:
    refused = await client.post("/api/tasks", json={"id": id_, "title": "x"})
    assert refused.status_code == 422
    assert {each["pointer"] for each in refused.json()["errors"]} == {"/id"}


async def test_a_late_repeat_gets_the_task_as_it_is_now(client: httpx.AsyncClient) -> None:
    id_ = str(uuid4())
    await create(client, id_, labels=["a"])
    now = await client.patch(f"/api/tasks/{id_}", json={"title": "y", "completed": True})
    for content in ({"labels": ["a"]}, {"title": "y", "completed": True, "labels": ["a"]}):
        again = await create(client, id_, **content)
        assert (again.status_code, again.json()) == (200, now.json())
    assert await revision(client) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"description": None, "labels": [], "extra": {}, "completed": False}),
        ({"due_at": "2026-12-01T09:00:00+01:00"}, {"due_at": "2026-12-01t08:00:00.000z"}),
        ({"extra": {"a": 1, "b": 2}}, {"extra": {"b": 2, "a": 1.0}}),
        (
            {"priority": "high", "due_on": "2026-12-01"},
            {"due_on": "2026-12-01", "priority": "high"},
        ),
    ],
)
async def test_the_same_content_in_other_words_is_the_same(
    client: httpx.AsyncClient, first: dict[str, Any], second: dict[str, Any]
) -> None:
    id_ = str(uuid4())
    made = await create(client, id_, **first)
    again = await create(client, id_, **second)
    assert (again.status_code, again.json()) == (200, made.json())


@pytest.mark.parametrize(
    "other",
    [
        {"title": "y"},
        {"description": ""},
        {"completed": True},
        {"labels": ["a"]},
        {"priority": "low"},
        {"due_on": "2026-12-01"},
        {"extra": {"a": None}},
    ],
)
async def test_other_content_under_the_same_id_is_rejected(
    client: httpx.AsyncClient, other: dict[str, Any]
) -> None:
    id_ = str(uuid4())
    made = await create(client, id_)
    refused = await create(client, id_, **other)
    assert (refused.status_code, refused.json()["code"]) == (409, "task_exists")
    assert (refused.json()["task"], refused.headers["ETag"]) == (made.json(), made.headers["ETag"])
    assert (await client.get(f"/api/tasks/{id_}")).json() == made.json()


async def test_an_id_that_the_server_made_is_in_use_too(client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/tasks", json=TITLED)).json()
    assert (await create(client, made["id"])).json() == made
    assert (await create(client, made["id"], title="y")).status_code == 409


async def test_a_deleted_task_is_not_created_again(client: httpx.AsyncClient) -> None:
    own, servers = str(uuid4()), (await client.post("/api/tasks", json=TITLED)).json()["id"]
    await create(client, own)
    for id_ in (own, servers):
        await client.delete(f"/api/tasks/{id_}")
        refused = await create(client, id_)
        assert (refused.status_code, refused.json()["code"]) == (409, "task_deleted")
    assert await revision(client) == 4


async def test_a_restored_task_is_as_it_was_created(client: httpx.AsyncClient) -> None:
    id_ = str(uuid4())
    await create(client, id_)
    await client.patch(f"/api/tasks/{id_}", json={"title": "y"})
    await client.delete(f"/api/tasks/{id_}")
    restored = await client.post(f"/api/tasks/{id_}/restore")
    again = await create(client, id_)
    assert (again.status_code, again.json()) == (200, restored.json())
    assert (await create(client, id_, title="z")).json()["code"] == "task_exists"


async def test_two_users_can_use_one_id(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    id_ = str(uuid4())
    made = [
        await create(each, id_, title=title) for each, title in ((client, "a"), (stranger, "b"))
    ]
    assert [each.status_code for each in made] == [201, 201]
    await client.delete(f"/api/tasks/{id_}")
    assert (await stranger.get(f"/api/tasks/{id_}")).json() == made[1].json()
    assert (await create(stranger, id_, title="b")).status_code == 200
    unused = await create(stranger, str(uuid4()), title="b")
    assert set(unused.headers) == set(made[1].headers)


@pytest.mark.parametrize("is_new", [True, False])
async def test_many_creates_of_one_id_at_once_make_one_task(
    client: httpx.AsyncClient, is_new: bool
) -> None:
    if not is_new:
        await client.post("/api/tasks", json=TITLED)
    before, id_ = await revision(client), str(uuid4())
    others = [client.post("/api/tasks", json=TITLED) for _ in range(0 if is_new else 16)]
    async with asyncio.TaskGroup() as group:
        own = [group.create_task(create(client, id_)) for _ in range(MANY)]
        other = [group.create_task(each) for each in others]
    responses = [each.result() for each in own]
    assert sorted(each.status_code for each in responses) == [200] * (MANY - 1) + [201]
    assert len({each.content for each in responses}) == 1
    assert {each.result().status_code for each in other} <= {201}
    assert await revision(client) == before + 1 + len(others)


async def test_creates_of_other_content_at_once_make_one_task(client: httpx.AsyncClient) -> None:
    id_ = str(uuid4())
    responses = await asyncio.gather(*(create(client, id_, title=f"{n}") for n in range(MANY)))
    assert sorted(each.status_code for each in responses) == [201] + [409] * (MANY - 1)
    (made,) = (each.json() for each in responses if each.status_code == 201)
    assert [each.json()["task"] for each in responses if each.status_code == 409] == [made] * 47


async def test_creates_and_deletes_of_one_id_at_once_agree(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        before, id_ = await revision(client), str(uuid4())
        creates = [create(client, id_) for _ in range(12)]
        deletes = [client.delete(f"/api/tasks/{id_}") for _ in range(12)]
        mixed = [each for pair in zip(creates, deletes, strict=True) for each in pair]
        responses = await asyncio.gather(*mixed)
        made = [each.status_code for each in responses[::2]]
        gone = [each.status_code for each in responses[1::2]]
        assert set(made) <= {200, 201, 409}
        assert set(gone) <= {204, 404}
        assert (made.count(201), gone.count(204)) in {(1, 0), (1, 1)}
        assert await revision(client) == before + 1 + gone.count(204)
        left = (await client.get(f"/api/tasks/{id_}")).status_code
        assert left == (404 if gone.count(204) else 200)


@pytest.mark.parametrize("count", [1, 150])
async def test_an_erased_task_can_be_created_again(
    client: httpx.AsyncClient, user: str, count: int
) -> None:
    ids = [str(uuid4()) for _ in range(count)]
    for part in (ids[:100], ids[100:]):
        operations = [{"op": "create", "task": {"id": id_, "title": "old"}} for id_ in part]
        if operations:
            assert (await batch(client, "all", *operations)).status_code == 200
    await client.delete(f"/api/tasks/{ids[0]}")
    await client.delete("/api/me", params={"confirm": user})
    made = await asyncio.gather(*(create(client, id_) for id_ in ids[:8]))
    assert {each.status_code for each in made} == {201}
    assert (await client.get("/api/me")).json()["task_count"] == len(made)


async def test_operations_refer_to_tasks_that_a_batch_created(client: httpx.AsyncClient) -> None:
    kept, gone = str(uuid4()), str(uuid4())
    operations: list[Operation] = [
        {"op": "create", "task": {"id": kept, "title": "x"}},
        {"op": "update", "id": kept, "patch": {"completed": True}, "revision": 1},
        {"op": "create", "task": {"id": gone, "title": "x", "completed": True}},
        {"op": "delete", "id": gone},
    ]
    results = (await batch(client, "all", *operations)).json()["results"]
    assert [each["status"] for each in results] == [201, 200, 201, 204]
    assert [each["id"] for each in results] == [kept, kept, gone, gone]
    refused = (await batch(client, "all", *operations)).json()
    assert [(each["pointer"], each["code"]) for each in refused["errors"]] == [
        ("/operations/1/revision", "precondition_failed"),
        ("/operations/2/task/id", "task_deleted"),
        ("/operations/3/id", "task_not_found"),
    ]
    again = (await batch(client, "each", *operations)).json()["results"]
    assert [each["status"] for each in again] == [200, 412, 409, 404]
    assert again[0]["task"] == results[1]["task"]


async def test_a_batch_that_is_rolled_back_has_no_task_to_show(client: httpx.AsyncClient) -> None:
    id_ = str(uuid4())
    refused = await batch(
        client,
        "all",
        {"op": "create", "task": {"id": id_, "title": "x"}},
        {"op": "create", "task": {"id": id_, "title": "y"}},
        {"op": "update", "id": id_, "patch": {}, "revision": 9},
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "task_exists")
    assert "task" not in refused.json()
    codes = [(each["code"], "task" in each) for each in refused.json()["errors"]]
    assert codes == [("task_exists", False), ("task_not_found", False)]
    assert await revision(client) == 0


async def test_a_key_and_an_id_go_together(client: httpx.AsyncClient) -> None:
    id_, headers = str(uuid4()), {"Idempotency-Key": str(uuid4())}
    body = {"id": id_, "title": "x"}
    first = await client.post("/api/tasks", json=body, headers=headers)
    other = {"Idempotency-Key": str(uuid4())}
    found = await client.post("/api/tasks", json=body, headers=other)
    assert (first.status_code, found.status_code) == (201, 200)
    now = await client.patch(f"/api/tasks/{id_}", json={"title": "y"})
    replayed = [
        await client.post("/api/tasks", json=body, headers=each) for each in (headers, other)
    ]
    assert [each.headers["Idempotent-Replayed"] for each in replayed] == ["true", "true"]
    assert [each.json() for each in replayed] == [first.json(), now.json()]
    assert [each.status_code for each in replayed] == [201, 200]
    await client.delete(f"/api/tasks/{id_}")
    gone = await client.post("/api/tasks", json=body, headers=other)
    assert (gone.status_code, gone.json()["code"]) == (409, "task_deleted")
    another = {"id": str(uuid4()), "title": "x"}
    refused = await client.post("/api/tasks", json=another, headers=headers)
    assert refused.json()["code"] == "idempotency_key_reused"


async def test_a_repeated_batch_shows_a_found_task_as_it_is(client: httpx.AsyncClient) -> None:
    id_, headers = str(uuid4()), {"Idempotency-Key": str(uuid4())}
    await create(client, id_)
    body = {"operations": [{"op": "create", "task": {"id": id_, "title": "x"}}]}
    await client.post("/api/tasks/batch", json=body, headers=headers)
    now = await client.patch(f"/api/tasks/{id_}", json={"title": "y"})
    for task in (now.json(), None):
        again = await client.post("/api/tasks/batch", json=body, headers=headers)
        (result,) = again.json()["results"]
        assert result == {"op": "create", "id": id_, "status": 200, "task": task}
        await client.delete(f"/api/tasks/{id_}")


async def test_batches_of_one_id_at_once_make_one_task(client: httpx.AsyncClient) -> None:
    id_ = str(UUID(int=7))
    operations = [
        {"op": "create", "task": {"id": id_, "title": "x"}},
        {"op": "create", "task": TITLED},
    ]
    responses = await asyncio.gather(*(batch(client, "all", *operations) for _ in range(16)))
    statuses = [[each["status"] for each in response.json()["results"]] for response in responses]
    assert sorted(statuses) == [[200, 201]] * 15 + [[201, 201]]
    assert await revision(client) == 17
