"""Story: nobody sees or changes what is mine."""

import httpx

from tests.tasks.test_create_and_view import MISSING

BODIES = [
    ("GET", "", None),
    ("PUT", "", {"title": "mine now"}),
    ("PATCH", "/complete", {"completed": True}),
    ("DELETE", "", None),
]


def without_request_id(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, str]]:
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("x-request-id", "date")
    }
    body = answer.json()
    del body["request_id"]
    return answer.status_code, headers, body


async def test_a_foreign_task_cannot_be_told_from_a_missing_one(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    address = (await client.post("/api/tasks", json={"title": "mine"})).headers["Location"]
    for method, suffix, body in BODIES:
        foreign = await stranger.request(method, address + suffix, json=body)
        missing = await stranger.request(method, MISSING + suffix, json=body)
        missing_body = without_request_id(missing)[2] | {"instance": address + suffix}
        assert without_request_id(foreign)[:2] == without_request_id(missing)[:2]
        assert without_request_id(foreign)[2] == missing_body


async def test_a_stranger_changes_nothing(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    created = await client.post("/api/tasks", json={"title": "mine"})
    for method, suffix, body in BODIES:
        await stranger.request(method, created.headers["Location"] + suffix, json=body)
    assert (await client.get(created.headers["Location"])).json() == created.json()


async def test_a_stranger_lists_only_his_own(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await client.post("/api/tasks", json={"title": "mine"})
    his = (await stranger.post("/api/tasks", json={"title": "his"})).json()
    assert (await stranger.get("/api/tasks")).json()["items"] == [his]


async def test_revisions_of_two_users_do_not_mix(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    for revision in (1, 2, 3):
        mine = await client.post("/api/tasks", json={"title": "mine"})
        assert mine.json()["revision"] == revision
    assert (await stranger.post("/api/tasks", json={"title": "his"})).json()["revision"] == 1


async def test_the_owner_cannot_be_chosen_by_the_body(client: httpx.AsyncClient, user: str) -> None:
    refused = await client.post("/api/tasks", json={"title": "x", "user_id": "somebody else"})
    assert refused.status_code == 422
    assert (await client.post("/api/tasks", json={"title": "x"})).json()["user_id"] == user
