"""Story: I create a task, and see it again."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

WHITE_SPACE = [
    *"\t\n\v\f\r \u0085\u00a0\u1680",
    *map(chr, range(0x2000, 0x200B)),
    *"\u2028\u2029\u202f\u205f\u3000",
]


async def test_a_created_task_is_answered_as_it_is_stored(
    client: httpx.AsyncClient, user: str
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    created = await client.post("/api/tasks", json={"title": "Buy milk"})
    assert created.status_code == 201
    task = created.json()
    assert UUID(task["id"]).version == 7
    assert before < datetime.fromisoformat(task["created_at"]) < before + timedelta(minutes=1)
    assert task == {
        "id": task["id"],
        "user_id": user,
        "title": "Buy milk",
        "description": None,
        "due_at": None,
        "due_on": None,
        "labels": [],
        "priority": "none",
        "position": None,
        "extra": {},
        "completed": False,
        "completed_at": None,
        "created_at": task["created_at"],
        "updated_at": task["created_at"],
        "revision": 1,
    }


async def test_location_leads_to_the_created_task(client: httpx.AsyncClient) -> None:
    created = await client.post("/api/tasks", json={"title": "Buy milk"})
    viewed = await client.get(created.headers["Location"])
    assert viewed.status_code == 200
    assert viewed.json() == created.json()


@pytest.mark.parametrize(
    "title",
    ["x", "x" * 200, "😀" * 200, " padded ", "e\u0301 and é", "a\nb", "%_\\'\"--;", "\u200b"],
)
async def test_text_is_stored_as_it_was_sent(client: httpx.AsyncClient, title: str) -> None:
    created = await client.post("/api/tasks", json={"title": title, "description": title})
    viewed = await client.get(created.headers["Location"])
    assert (viewed.json()["title"], viewed.json()["description"]) == (title, title)


async def test_a_description_has_up_to_ten_thousand_code_points(client: httpx.AsyncClient) -> None:
    longest = await client.post("/api/tasks", json={"title": "x", "description": "😀" * 10_000})
    assert longest.status_code == 201
    assert longest.json()["description"] == "😀" * 10_000
    empty = await client.post("/api/tasks", json={"title": "x", "description": ""})
    assert empty.json()["description"] == ""


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-12-01T09:00:00+01:00", "2026-12-01T08:00:00Z"),
        ("2026-12-01t09:00:00.5z", "2026-12-01T09:00:00.500000Z"),
        ("1000-01-01T00:00:00-23:59", "1000-01-01T23:59:00Z"),
        ("9999-12-31T23:59:59.999998Z", "9999-12-31T23:59:59.999998Z"),
        ("2026-12-01T09:00:00.123456789Z", "2026-12-01T09:00:00.123457Z"),
        (None, None),
    ],
)
async def test_a_due_date_is_answered_in_utc(
    client: httpx.AsyncClient, sent: str | None, stored: str | None
) -> None:
    created = await client.post("/api/tasks", json={"title": "x", "due_at": sent})
    viewed = await client.get(created.headers["Location"])
    assert viewed.json()["due_at"] == stored


async def test_a_body_may_name_its_charset(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    created = await client.post("/api/tasks", content=b'{"title": "x"}', headers=headers)
    assert created.status_code == 201


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("/title", "is required")]),
        ({"title": ""}, [("/title", "has fewer than 1 characters"), ("/title", "is blank")]),
        ({"title": "x" * 201}, [("/title", "has more than 200 characters")]),
        ({"title": "a\0b"}, [("/title", "contains U+0000")]),
        ({"title": None}, [("/title", "is not a string")]),
        ({"title": "x", "description": "a\0b"}, [("/description", "contains U+0000")]),
        ({"title": "x", "description": "x" * 10_001}, [("/description", "has more than 10000")]),
        ({"title": "x", "description": 7}, [("/description", "is not null or a string")]),
        ({"title": "x", "due_at": "2026-12-01T09:00:00"}, [("/due_at", "is not an instant")]),
        ({"title": "x", "due_at": "2026-02-30T09:00:00Z"}, [("/due_at", "is not an instant")]),
        ({"title": "x", "due_at": "9999-12-31T23:59:59-01:00"}, [("/due_at", "is not an instant")]),
        (
            {"title": "x", "due_at": "9999-12-31T23:59:59.999999Z"},
            [("/due_at", "is not an instant")],
        ),
        (
            {"title": "x", "due_at": "9999-12-31T23:59:59.9999999Z"},
            [("/due_at", "is not an instant")],
        ),
        ({"title": "x", "due_at": "1000-01-01T00:00:00+00:01"}, [("/due_at", "is not an instant")]),
        ({"title": "x", "due_at": "2016-12-31T23:59:60Z"}, [("/due_at", "is not an instant")]),
        ({"title": "x", "completed": None}, [("/completed", "is not a boolean")]),
        ({"title": "x", "revision": 1}, [("/revision", "is an unknown property")]),
        ({"title": "x", "a/b~c": 1}, [("/a~1b~0c", "is an unknown property")]),
        ({"title": 1, "user_id": "eve"}, [("/title", "string"), ("/user_id", "unknown property")]),
        ([], [("", "is not an object")]),
        (None, [("", "is not an object")]),
    ],
)
async def test_every_fault_of_a_body_is_named(
    client: httpx.AsyncClient, body: object, errors: list[tuple[str, str]]
) -> None:
    headers = {"Content-Type": "application/json"}
    refused = await client.post("/api/tasks", content=json.dumps(body), headers=headers)
    assert refused.status_code == 422
    found = refused.json()["errors"]
    for pointer, detail in errors:
        assert any(each["pointer"] == pointer and detail in each["detail"] for each in found), found
    assert {each["pointer"] for each in found} == {pointer for pointer, _ in errors}
    assert (await client.get("/api/tasks")).json()["items"] == []


@pytest.mark.parametrize("space", WHITE_SPACE, ids=lambda space: f"U+{ord(space):04X}")
async def test_a_title_of_white_space_alone_is_blank(client: httpx.AsyncClient, space: str) -> None:
    refused = await client.post("/api/tasks", json={"title": space * 2})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("members", "count"),
    [
        (0, "1 error. See `errors`"),
        (99, "100 errors. See `errors`"),
        (100, "more than 100 errors. See `errors`, which lists the first 100"),
        (4_000, "more than 100 errors. See `errors`, which lists the first 100"),
    ],
)
async def test_faults_are_listed_up_to_the_first_hundred(
    client: httpx.AsyncClient, members: int, count: str
) -> None:
    # The title is missing, too.
    refused = await client.post("/api/tasks", json={f"member{n}": n for n in range(members)})
    assert (refused.status_code, refused.json()["detail"]) == (422, f"The request has {count}.")
    assert len(refused.json()["errors"]) == min(members + 1, 100)


async def test_an_id_that_is_no_uuid_is_a_fault(client: httpx.AsyncClient) -> None:
    refused = await client.get("/api/tasks/42")
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"parameter": "id", "detail": "is not a valid uuid"}]


async def test_an_id_may_be_in_upper_case(client: httpx.AsyncClient) -> None:
    created = await client.post("/api/tasks", json={"title": "x"})
    viewed = await client.get(f"/api/tasks/{created.json()['id'].upper()}")
    assert viewed.json() == created.json()
