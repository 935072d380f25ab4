"""Story: I change a task, complete it, and reopen it."""

import asyncio

import httpx
import pytest


async def created(client: httpx.AsyncClient, **content: object) -> httpx.Response:
    return await client.post("/api/tasks", json={"title": "Buy milk", **content})


async def test_a_replaced_task_has_the_new_content_alone(client: httpx.AsyncClient) -> None:
    before = await created(client, description="two litres", due_at="2026-12-01T09:00:00Z")
    replaced = await client.put(before.headers["Location"], json={"title": "Buy oat milk"})
    assert replaced.status_code == 200
    task = replaced.json()
    assert (task["title"], task["description"], task["due_at"]) == ("Buy oat milk", None, None)
    assert task["created_at"] == before.json()["created_at"]
    assert task["updated_at"] > before.json()["updated_at"]
    assert task["revision"] == before.json()["revision"] + 1
    assert (await client.get(before.headers["Location"])).json() == task


async def test_replacing_does_not_change_whether_a_task_is_completed(
    client: httpx.AsyncClient,
) -> None:
    address = (await created(client)).headers["Location"]
    completed = (await client.patch(f"{address}/complete")).json()
    replaced = (await client.put(address, json={"title": "x"})).json()
    assert replaced["completed"] is True
    assert replaced["completed_at"] == completed["completed_at"]


@pytest.mark.parametrize("body", [None, {}, {"completed": True}])
async def test_a_task_is_completed_by_default(
    client: httpx.AsyncClient, body: dict[str, bool] | None
) -> None:
    address = (await created(client)).headers["Location"]
    completed = (await client.patch(f"{address}/complete", json=body)).json()
    assert completed["completed"] is True
    assert completed["completed_at"] == completed["updated_at"]


async def test_null_means_no_body(client: httpx.AsyncClient) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    headers = {"Content-Type": "application/json"}
    completed = await client.patch(f"{address}/complete", content=b" null ", headers=headers)
    assert completed.json()["completed"] is True


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"completed": None}, {"pointer": "/completed", "detail": "is not a boolean"}),
        ({"done": True}, {"pointer": "/done", "detail": "is an unknown property"}),
        ([], {"pointer": "", "detail": "is not an object"}),
    ],
)
async def test_a_body_that_is_no_completion_is_rejected(
    client: httpx.AsyncClient, body: object, error: dict[str, str]
) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    rejected = await client.patch(f"{address}/complete", json=body)
    assert rejected.status_code == 422
    assert rejected.json()["errors"] == [error]


async def test_an_empty_body_that_is_announced_as_json_completes_too(
    client: httpx.AsyncClient,
) -> None:
    address = (await created(client)).headers["Location"]
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    completed = await client.patch(f"{address}/complete", content=b"", headers=headers)
    assert completed.json()["completed"] is True


async def test_completing_twice_changes_nothing(client: httpx.AsyncClient) -> None:
    address = (await created(client)).headers["Location"]
    first = await client.patch(f"{address}/complete")
    second = await client.patch(f"{address}/complete")
    assert second.status_code == 200
    assert second.json() == first.json()


async def test_a_completed_task_can_be_opened_again(client: httpx.AsyncClient) -> None:
    address = (await created(client)).headers["Location"]
    await client.patch(f"{address}/complete")
    opened = (await client.patch(f"{address}/complete", json={"completed": False})).json()
    assert (opened["completed"], opened["completed_at"]) == (False, None)


async def test_many_completions_at_once_are_one_change(client: httpx.AsyncClient) -> None:
    address = (await created(client)).headers["Location"]
    responses = await asyncio.gather(*(client.patch(f"{address}/complete") for _ in range(8)))
    assert {response.json()["completed_at"] for response in responses} == {
        responses[0].json()["completed_at"]
    }


async def test_an_answer_shows_what_was_asked_for_whoever_else_asks(
    client: httpx.AsyncClient,
) -> None:
    address = (await created(client)).headers["Location"]

    async def set_often(completed: bool) -> None:
        for _ in range(25):
            body = {"completed": completed}
            response = await client.patch(f"{address}/complete", json=body)
            assert response.json()["completed"] is completed

    await asyncio.gather(*(set_often(n % 2 == 0) for n in range(8)))


async def test_time_and_revisions_go_forward_under_concurrency(client: httpx.AsyncClient) -> None:
    address = (await created(client)).headers["Location"]
    responses = await asyncio.gather(
        *(client.put(address, json={"title": f"version {n}"}) for n in range(16))
    )
    versions = sorted(
        (response.json() for response in responses), key=lambda task: task["revision"]
    )
    assert [task["revision"] for task in versions] == list(range(2, 18))
    times = [task["updated_at"] for task in versions]
    assert times == sorted(times)
    assert (await client.get(address)).json() == versions[-1]


@pytest.mark.parametrize("completed", ["true", 1, None, []])
async def test_completed_must_be_a_boolean(client: httpx.AsyncClient, completed: object) -> None:
    address = (await created(client)).headers["Location"]
    refused = await client.patch(f"{address}/complete", json={"completed": completed})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"pointer": "/completed", "detail": "is not a boolean"}]


async def test_faults_of_parameters_and_body_are_named_together(client: httpx.AsyncClient) -> None:
    refused = await client.put("/api/tasks/42?dry_run=1", json={})
    assert refused.json()["errors"] == [
        {"parameter": "dry_run", "detail": "is an unknown parameter"},
        {"parameter": "id", "detail": "is not a valid uuid"},
        {"pointer": "/title", "detail": "is required"},
    ]
