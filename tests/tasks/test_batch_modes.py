"""Story: my device sends all its changes at once, and learns which of them failed."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.tasks.test_batch import Operation, create, created, everything

ABSENT = str(uuid4())


async def batch(client: httpx.AsyncClient, mode: str, *operations: Operation) -> httpx.Response:
    body = {"mode": mode, "operations": operations}
    return await client.post("/api/tasks/batch", json=body)


async def test_each_operation_succeeds_or_fails_on_its_own(client: httpx.AsyncClient) -> None:
    task, gone = await created(client, "a"), await created(client, "b")
    stale = {"id": task["id"], "revision": 7}
    response = await batch(
        client,
        "each",
        {"op": "update", **stale, "patch": {"title": "lost"}},
        create("c"),
        {"op": "update", "id": ABSENT, "patch": {}},
        {"op": "delete", **stale},
        {"op": "delete", "id": gone["id"], "revision": 2},
        {"op": "delete", "id": gone["id"]},
        {"op": "update", "id": task["id"], "patch": {"completed": True}, "revision": 1},
    )
    assert response.status_code == 200
    results = response.json()["results"]
    statuses = [each["status"] for each in results]
    assert statuses == [412, 201, 404, 412, 204, 404, 200]
    for each in results:
        failed = each["status"] >= 400
        assert set(each) == {"op", "id", "status", "problem" if failed else "task"}
        if failed:
            assert each["problem"]["status"] == each["status"]
            assert each["problem"]["instance"] == "/api/tasks/batch"
            assert each["problem"]["request_id"] == response.headers["X-Request-Id"]
    assert [each["problem"].get("task") for each in results if "problem" in each] == [
        task,
        None,
        task,
        None,
    ]
    listed, me = await everything(client)
    assert listed == [results[1]["task"], results[6]["task"]]
    assert (me["task_count"], me["revision"]) == (2, 5)


async def test_an_error_names_every_operation_that_fails(client: httpx.AsyncClient) -> None:
    first, second = await created(client, "a"), await created(client, "b")
    before = await everything(client)
    refused = await batch(
        client,
        "all",
        create("c"),
        {"op": "delete", "id": first["id"], "revision": 7},
        {"op": "update", "id": second["id"], "patch": {"title": "y"}},
        {"op": "delete", "id": ABSENT},
        {"op": "update", "id": second["id"], "patch": {}, "revision": 2},
    )
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert (refused.json()["task"], refused.headers["ETag"]) == (first, '"1"')
    faults = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert faults == [
        ("/operations/1/revision", "precondition_failed"),
        ("/operations/3/id", "task_not_found"),
        ("/operations/4/revision", "precondition_failed"),
    ]
    # The batch changed the second task before the last operation failed, and that is rolled back.
    assert [each.get("task") for each in refused.json()["errors"]] == [first, None, second]
    assert await everything(client) == before


async def test_a_batch_can_fail_at_every_operation(client: httpx.AsyncClient) -> None:
    task = await created(client)
    stale = {"op": "update", "id": task["id"], "patch": {"title": "y"}, "revision": 9}
    refused = await batch(client, "all", *[stale] * 100)
    assert refused.status_code == 412
    assert [each["task"] for each in refused.json()["errors"]] == [task] * 100
    results = (await batch(client, "each", *[stale] * 100)).json()["results"]
    assert [each["problem"]["task"] for each in results] == [task] * 100


@pytest.mark.parametrize("mode", ["any", "ALL", "", None, ["each"]])
async def test_an_unknown_mode_is_rejected(client: httpx.AsyncClient, mode: object) -> None:
    body = {"mode": mode, "operations": [create("x")]}
    refused = await client.post("/api/tasks/batch", json=body)
    assert refused.status_code == 422
    assert {each["pointer"] for each in refused.json()["errors"]} == {"/mode"}


async def test_a_repeat_gets_each_result_again(client: httpx.AsyncClient) -> None:
    task, other, headers = await created(client), await created(client), keyed()
    operations = [
        {"op": "update", "id": task["id"], "patch": {"title": "y"}, "revision": 7},
        {"op": "delete", "id": ABSENT},
        create("new"),
        {"op": "update", "id": other["id"], "patch": {"title": "y"}},
        {"op": "update", "id": other["id"], "patch": {"title": "z"}, "revision": 1},
    ]
    body = {"mode": "each", "operations": operations}
    first = await client.post("/api/tasks/batch", json=body, headers=headers)
    again = await client.post("/api/tasks/batch", json=body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert results_of(again) == results_of(first)
    address = f"/api/tasks/{task['id']}"
    now = (await client.patch(address, json={"title": "later"})).json()
    again = await client.post("/api/tasks/batch", json=body, headers=headers)
    assert again.json()["results"][0]["problem"]["task"] == now
    assert (await client.delete(address)).status_code == 204
    last = (await client.post("/api/tasks/batch", json=body, headers=headers)).json()["results"]
    assert (last[0]["status"], "task" in last[0]["problem"]) == (412, False)


async def test_a_batch_without_a_success_is_not_stored(client: httpx.AsyncClient) -> None:
    headers = keyed()
    body = {"mode": "each", "operations": [{"op": "delete", "id": ABSENT}]}
    for _ in range(2):
        response = await client.post("/api/tasks/batch", json=body, headers=headers)
        assert [each["status"] for each in response.json()["results"]] == [404]
        assert "Idempotent-Replayed" not in response.headers
    other = {"mode": "each", "operations": [create("x")]}
    response = await client.post("/api/tasks/batch", json=other, headers=headers)
    assert [each["status"] for each in response.json()["results"]] == [201]


async def test_batches_of_a_new_user_take_turns(client: httpx.AsyncClient) -> None:
    absent = {"op": "delete", "id": ABSENT}
    responses = await asyncio.gather(
        *(batch(client, "each", create("x"), absent, create("y")) for _ in range(8))
    )
    revisions = sorted(
        each["task"]["revision"]
        for response in responses
        for each in response.json()["results"]
        if each["status"] == 201
    )
    assert revisions == list(range(1, 17))


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def results_of(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the results without the ids of the requests."""
    results: list[dict[str, Any]] = response.json()["results"]
    for each in results:
        each.get("problem", {}).pop("request_id", None)
    return results
