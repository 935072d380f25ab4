"""Story: I run many operations as one: either all of them, or none."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

Operation = dict[str, Any]


async def created(client: httpx.AsyncClient, title: str = "x") -> dict[str, Any]:
    task: dict[str, Any] = (await client.post("/api/tasks", json={"title": title})).json()
    return task


async def batch(client: httpx.AsyncClient, *operations: Operation) -> httpx.Response:
    return await client.post("/api/tasks/batch", json={"operations": operations})


async def everything(client: httpx.AsyncClient) -> tuple[Any, Any]:
    listed = await client.get("/api/tasks?limit=200")
    return listed.json()["items"], (await client.get("/api/me")).json()


def create(title: str) -> Operation:
    return {"op": "create", "task": {"title": title}}


async def test_operations_of_each_kind_are_carried_out_in_their_order(
    client: httpx.AsyncClient,
) -> None:
    first, second, third = [await created(client, title) for title in "abc"]
    response = await batch(
        client,
        {"op": "update", "id": first["id"], "patch": {"title": "A"}, "revision": 1},
        create("d"),
        {"op": "delete", "id": second["id"], "revision": 2},
        {"op": "update", "id": third["id"], "patch": {"completed": True}},
    )
    assert response.status_code == 200
    results = response.json()["results"]
    assert [each["op"] for each in results] == ["update", "create", "delete", "update"]
    assert [each["task"] and each["task"]["revision"] for each in results] == [4, 5, None, 7]
    made = results[1]["task"]
    assert [each["id"] for each in results] == [first["id"], made["id"], second["id"], third["id"]]
    listed, me = await everything(client)
    assert listed == [made, results[3]["task"], results[0]["task"]]
    assert [(task["title"], task["completed"]) for task in listed] == [
        ("d", False),
        ("c", True),
        ("A", False),
    ]
    assert (me["task_count"], me["revision"]) == (3, 7)


async def test_an_operation_sees_what_those_before_it_did(client: httpx.AsyncClient) -> None:
    task = await created(client)
    update = {"op": "update", "id": task["id"]}
    response = await batch(
        client,
        {**update, "patch": {"title": "y"}},
        {**update, "patch": {}, "revision": 2},
        {**update, "patch": {"title": "y"}},
        {**update, "patch": {"completed": True}, "revision": 2},
        {"op": "delete", "id": task["id"], "revision": 3},
    )
    assert [each["task"] and each["task"]["revision"] for each in response.json()["results"]] == [
        2,
        2,
        2,
        3,
        None,
    ]
    assert (await client.get("/api/me")).json()["task_count"] == 0


@pytest.mark.parametrize(
    ("failing", "status", "code", "place"),
    [
        ({"op": "delete", "id": str(uuid4())}, 404, "task_not_found", "/id"),
        ({"op": "update", "id": str(uuid4()), "patch": {}}, 404, "task_not_found", "/id"),
        ({"op": "delete", "revision": 7}, 412, "precondition_failed", "/revision"),
        (
            {"op": "update", "patch": {"title": "y"}, "revision": 7},
            412,
            "precondition_failed",
            "/revision",
        ),
    ],
)
@pytest.mark.parametrize("index", [0, 2, 4])
async def test_a_failed_operation_rolls_back_the_batch_and_is_named(
    client: httpx.AsyncClient, failing: Operation, status: int, code: str, place: str, index: int
) -> None:
    kept, gone, task = [await created(client, title) for title in "abc"]
    operations: list[Operation] = [
        create("d"),
        {"op": "update", "id": kept["id"], "patch": {"title": "y"}},
        {"op": "delete", "id": gone["id"]},
        create("e"),
    ]
    operations.insert(index, {"id": task["id"], **failing})
    before = await everything(client)
    refused = await batch(client, *operations)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    faults = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert faults == [(f"/operations/{index}{place}", code)]
    current = task if status == 412 else None
    assert refused.json().get("task") == refused.json()["errors"][0].get("task") == current
    assert refused.headers.get("ETag") == (f'"{task["revision"]}"' if current else None)
    assert await everything(client) == before


async def test_a_batch_holds_a_hundred_operations_and_no_more(client: httpx.AsyncClient) -> None:
    full = [create(f"task {n}") for n in range(100)]
    results = (await batch(client, *full)).json()["results"]
    assert [each["task"]["revision"] for each in results] == list(range(1, 101))
    for operations in ([], [*full, create("one too many")]):
        refused = await batch(client, *operations)
        assert refused.status_code == 422
        assert [each["pointer"] for each in refused.json()["errors"]] == ["/operations"]
    assert (await client.get("/api/me")).json()["task_count"] == 100


async def test_every_fault_of_every_operation_is_named(client: httpx.AsyncClient) -> None:
    refused = await client.post(
        "/api/tasks/batch",
        json={
            "operations": [
                {"op": "create", "task": {"title": "", "nope": 1}},
                {"op": "update", "id": "x", "patch": {"completed": "yes"}, "revision": 0},
                {"op": "delete"},
                {"op": "complete", "id": str(uuid4())},
                {"id": str(uuid4())},
                "delete",
                {"op": "delete", "id": str(uuid4()), "patch": {}},
            ]
        },
    )
    assert refused.status_code == 422
    faults = {(each["pointer"], each["detail"]) for each in refused.json()["errors"]}
    assert faults == {
        ("/operations/0/task/title", "has fewer than 1 characters"),
        ("/operations/0/task/title", "is blank"),
        ("/operations/0/task/nope", "is an unknown property"),
        ("/operations/1/id", "is not a valid uuid"),
        ("/operations/1/patch/completed", "is not a boolean"),
        ("/operations/1/revision", "is less than 1"),
        ("/operations/2/id", "is required"),
        ("/operations/3/op", "is not one of create, update, delete, restore"),
        ("/operations/4/op", "is required"),
        ("/operations/5", "is not an object"),
        ("/operations/6/patch", "is an unknown property"),
    }


async def test_batches_at_once_take_turns(client: httpx.AsyncClient) -> None:
    task = await created(client)
    update = {"op": "update", "id": task["id"]}
    responses = await asyncio.gather(
        *(
            batch(client, create("x"), {**update, "patch": {"title": f"{n}"}}, create("y"))
            for n in range(8)
        )
    )
    taken = sorted(
        [each["task"]["revision"] for each in response.json()["results"]] for response in responses
    )
    assert taken == [[n, n + 1, n + 2] for n in range(2, 26, 3)]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_batch_is_not_taken_for_a_task(client: httpx.AsyncClient, method: str) -> None:
    refused = await client.request(method, "/api/tasks/batch")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "OPTIONS, POST")
    for path in ("/api/tasks/batch/complete", "/api/tasks/batches", "/api/tasks/Batch"):
        response = await client.patch(path, json={})
        assert response.status_code == 422


@pytest.mark.parametrize("revision", ["1", "1.0", "1e0", "10E-1"])
async def test_a_revision_is_an_integer_however_it_is_written(
    client: httpx.AsyncClient, revision: str
) -> None:
    task = await created(client)
    operation = f'{{"op": "delete", "id": "{task["id"]}", "revision": {revision}}}'
    headers = {"Content-Type": "application/json"}
    body = f'{{"operations": [{operation}]}}'
    assert (await client.post("/api/tasks/batch", content=body, headers=headers)).is_success


@pytest.mark.parametrize(
    "revision", ["1.5", "0", "-1", "1e16", "1e300", "9007199254740992", '"1"', "true", "null"]
)
async def test_what_is_no_revision_is_refused(client: httpx.AsyncClient, revision: str) -> None:
    operation = f'{{"op": "delete", "id": "{uuid4()}", "revision": {revision}}}'
    headers = {"Content-Type": "application/json"}
    body = f'{{"operations": [{operation}]}}'
    refused = await client.post("/api/tasks/batch", content=body, headers=headers)
    assert refused.status_code == 422
    assert {each["pointer"] for each in refused.json()["errors"]} == {"/operations/0/revision"}
