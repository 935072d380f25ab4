"""Story: I change one field of a task, and the others stay (JSON merge patch, RFC 7396)."""

import json
from datetime import datetime
from itertools import combinations

import httpx
import pytest

FULL = {"title": "Buy milk", "description": "two litres", "due_at": "2026-12-01T09:00:00Z"}
CHANGES = {
    "title": "Buy oat milk",
    "description": None,
    "due_at": "2027-01-01T00:00:00Z",
    "completed": True,
}


async def created(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/tasks", json=FULL)


@pytest.mark.parametrize(
    "names", [names for count in range(1, 5) for names in combinations(CHANGES, count)]
)
async def test_what_is_named_changes_and_the_rest_stays(
    client: httpx.AsyncClient, names: tuple[str, ...]
) -> None:
    before = await created(client)
    patch = {name: CHANGES[name] for name in names}
    after = (await client.patch(before.headers["Location"], json=patch)).json()
    made = {"revision", "updated_at", "completed_at"}
    expected = before.json() | patch
    assert {name: after[name] for name in after.keys() - made} == {
        name: expected[name] for name in expected.keys() - made
    }
    assert after["revision"] == before.json()["revision"] + 1
    assert after["updated_at"] > before.json()["updated_at"]
    assert after["completed_at"] == (after["updated_at"] if "completed" in names else None)
    assert (await client.get(before.headers["Location"])).json() == after


@pytest.mark.parametrize("name", ["description", "due_at"])
async def test_null_clears_a_field(client: httpx.AsyncClient, name: str) -> None:
    address = (await created(client)).headers["Location"]
    assert (await client.patch(address, json={name: None})).json()[name] is None


@pytest.mark.parametrize(
    "patch", [{}, FULL, {"completed": False}, {"due_at": "2026-12-01T10:00:00+01:00"}]
)
async def test_a_patch_that_changes_nothing_leaves_even_the_revision(
    client: httpx.AsyncClient, patch: dict[str, object]
) -> None:
    before = await created(client)
    patched = await client.patch(before.headers["Location"], json=patch)
    assert patched.status_code == 200
    assert patched.json() == before.json()
    assert patched.headers["ETag"] == before.headers["ETag"]
    assert (await client.get("/api/me")).json()["revision"] == before.json()["revision"]


async def test_replacing_with_the_same_content_leaves_the_revision(
    client: httpx.AsyncClient,
) -> None:
    before = await created(client)
    replaced = await client.put(before.headers["Location"], json=FULL)
    assert replaced.json() == before.json()


async def test_a_change_of_a_completed_task_keeps_completed_at(
    client: httpx.AsyncClient,
) -> None:
    address = (await created(client)).headers["Location"]
    completed = (await client.patch(f"{address}/complete")).json()
    patched = (await client.patch(address, json={"title": "x", "completed": True})).json()
    assert patched["completed_at"] == completed["completed_at"]
    assert patched["revision"] == completed["revision"] + 1


@pytest.mark.parametrize(
    ("patch", "errors"),
    [
        ({"title": None}, {"/title": "is not a string"}),
        ({"completed": None}, {"/completed": "is not a boolean"}),
        ({"title": " "}, {"/title": "is blank"}),
        (
            {"titel": 1, "due_at": "tomorrow"},
            {
                "/titel": "is an unknown property",
                "/due_at": (
                    "is not an instant with an offset in the years 1000 to 9999, "
                    "such as 2026-12-01T09:00:00+01:00"
                ),
            },
        ),
        ({"revision": 3}, {"/revision": "is an unknown property"}),
        ([], {"": "is not an object"}),
        (None, {"": "is not an object"}),
    ],
)
async def test_a_patch_that_does_not_fit_names_every_fault(
    client: httpx.AsyncClient, patch: object, errors: dict[str, str]
) -> None:
    before = await created(client)
    headers = {"Content-Type": "application/json"}
    content = json.dumps(patch)
    refused = await client.patch(before.headers["Location"], content=content, headers=headers)
    assert refused.status_code == 422
    found = {(each["pointer"], each["detail"]) for each in refused.json()["errors"]}
    assert errors.items() <= found
    assert (await client.get(before.headers["Location"])).json() == before.json()


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_a_patch_goes_by_either_media_type(
    client: httpx.AsyncClient, media_type: str
) -> None:
    address = (await created(client)).headers["Location"]
    headers = {"Content-Type": media_type}
    patched = await client.patch(address, content=b'{"title": "x"}', headers=headers)
    assert patched.json()["title"] == "x"


@pytest.mark.parametrize(
    ("method", "accepted"),
    [("PATCH", "application/json, application/merge-patch+json"), ("PUT", "application/json")],
)
async def test_a_refused_media_type_is_told_which_are_taken(
    client: httpx.AsyncClient, method: str, accepted: str
) -> None:
    address = (await created(client)).headers["Location"]
    headers = {"Content-Type": "application/json-patch+json"}
    refused = await client.request(method, address, content=b"[]", headers=headers)
    assert (refused.status_code, refused.headers["Accept"]) == (415, accepted)


async def test_a_completion_by_patch_is_that_of_complete_task(client: httpx.AsyncClient) -> None:
    address = (await created(client)).headers["Location"]
    patched = (await client.patch(address, json={"completed": True})).json()
    assert datetime.fromisoformat(patched["completed_at"])
    assert (await client.patch(f"{address}/complete")).json() == patched
