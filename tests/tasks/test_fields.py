"""Story: my tasks have labels, a priority, a place, a day, and what my front end adds."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.database.database import Database

DEFAULTS: dict[str, Any] = {
    "due_on": None,
    "labels": [],
    "priority": "none",
    "position": None,
    "extra": {},
}
FULL: dict[str, Any] = {
    "description": "Take two photographs along.",
    "due_on": "2026-12-01",
    "labels": ["errand", "town"],
    "priority": "high",
    "position": "a1V",
    "extra": {"color": "green", "view": {"open": True, "n": [1, None]}},
}
LONGEST = "x" * (4096 - len('{"x":""}'))
TIMED = {"due_at": "2026-12-01T08:00:00Z", "due_on": None}
WHOLE_DAY = {"due_at": None, "due_on": "2026-12-01"}
UNDATED = {"due_at": None, "due_on": None}


async def created(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post("/api/tasks", json={"title": "x", **fields})
    assert response.status_code == 201, response.text
    task: dict[str, Any] = response.json()
    return task


async def patched(
    client: httpx.AsyncClient, task: dict[str, Any], **patch: object
) -> dict[str, Any]:
    response = await client.patch(f"/api/tasks/{task['id']}", json=patch)
    assert response.status_code == 200, response.text
    after: dict[str, Any] = response.json()
    return after


def part(task: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: task[name] for name in names}


async def test_every_response_shows_the_fields_as_sent(client: httpx.AsyncClient) -> None:
    task = await created(client, **FULL)
    assert part(task, FULL) == FULL
    assert (await client.get(f"/api/tasks/{task['id']}")).json() == task
    assert (await client.get("/api/tasks")).json()["items"] == [task]
    feed = (await client.get("/api/tasks/changes")).json()
    assert [each["task"] for each in feed["changes"]] == [task]
    batch = {"operations": [{"op": "create", "task": {"title": "x", **FULL}}]}
    made = (await client.post("/api/tasks/batch", json=batch)).json()["results"][0]["task"]
    assert part(made, FULL) == FULL


async def test_a_replacement_resets_what_is_absent(client: httpx.AsyncClient) -> None:
    task = await created(client, **FULL, completed=True)
    replaced = (await client.put(f"/api/tasks/{task['id']}", json={"title": "x"})).json()
    assert part(replaced, DEFAULTS) == DEFAULTS
    assert part(replaced, ("completed", "completed_at")) == part(
        task, ("completed", "completed_at")
    )
    again = (await client.put(f"/api/tasks/{task['id']}", json={"title": "x", **FULL})).json()
    assert part(again, FULL) == FULL
    same = await client.put(f"/api/tasks/{task['id']}", json={"title": "x", **FULL})
    assert same.json() == again


async def test_a_replacement_cannot_complete_a_task(client: httpx.AsyncClient) -> None:
    task = await created(client)
    body = {"title": "x", "completed": True}
    refused = await client.put(f"/api/tasks/{task['id']}", json=body)
    assert refused.json()["errors"] == [
        {"pointer": "/completed", "detail": "is an unknown property"}
    ]


@pytest.mark.parametrize("name", DEFAULTS)
async def test_each_field_is_set_and_reset_alone(client: httpx.AsyncClient, name: str) -> None:
    plain, full = await created(client), await created(client, **FULL)
    after = await patched(client, plain, **{name: FULL[name]})
    assert part(after, DEFAULTS) == {**DEFAULTS, name: FULL[name]}
    assert await patched(client, after, **{name: FULL[name]}) == after
    if name != "extra":
        reset = await patched(client, full, **{name: DEFAULTS[name]})
        assert part(reset, FULL) == {**FULL, name: DEFAULTS[name]}


async def test_a_task_can_be_completed_from_the_beginning(client: httpx.AsyncClient) -> None:
    task = await created(client, completed=True)
    assert task["completed"] is True
    assert datetime.fromisoformat(task["completed_at"])
    assert task["completed_at"] == task["created_at"]
    assert (await created(client, completed=False))["completed_at"] is None


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        (TIMED, {"due_on": "2026-12-01"}, WHOLE_DAY),
        (WHOLE_DAY, {"due_at": "2026-12-01T09:00:00+01:00"}, TIMED),
        (UNDATED, {"due_on": "2026-12-01"}, WHOLE_DAY),
        (TIMED, {"due_on": None}, TIMED),
        (WHOLE_DAY, {"due_at": None}, WHOLE_DAY),
        (WHOLE_DAY, {"title": "x"}, WHOLE_DAY),
        (TIMED, {"due_at": None}, UNDATED),
        (WHOLE_DAY, {"due_on": None}, UNDATED),
        (TIMED, UNDATED, UNDATED),
        (WHOLE_DAY, UNDATED, UNDATED),
        (TIMED, WHOLE_DAY, WHOLE_DAY),
        (WHOLE_DAY, TIMED, TIMED),
        (UNDATED, {"due_on": None}, UNDATED),
        # An instant at the beginning of the day in UTC is still an instant.
        (
            WHOLE_DAY,
            {"due_at": "2026-12-01T00:00:00Z"},
            {"due_at": "2026-12-01T00:00:00Z", "due_on": None},
        ),
    ],
)
async def test_a_patch_sets_an_instant_or_a_day(
    client: httpx.AsyncClient,
    before: dict[str, Any],
    patch: dict[str, Any],
    after: dict[str, Any],
) -> None:
    task = await created(client, **before)
    changed = await patched(client, task, **patch)
    assert part(changed, after) == after
    assert (changed["revision"] == task["revision"]) == (before == after)
    assert (await client.get(f"/api/tasks/{task['id']}")).json() == changed


async def test_a_day_is_filtered_and_sorted_at_its_start_in_utc(
    client: httpx.AsyncClient,
) -> None:
    due: tuple[dict[str, str], ...] = (
        {"due_at": "2026-11-30T23:59:59Z"},
        {"due_on": "2026-12-01"},
        {"due_at": "2026-12-01T00:00:01Z"},
        {},
    )
    tasks = [await created(client, **each) for each in due]
    expected = [task["id"] for task in tasks]
    for sort in ("due_at", "-due_at"):
        ids, query = [], {"sort": sort, "limit": "1"}
        while True:
            page = (await client.get("/api/tasks", params=query)).json()
            ids += [each["id"] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert ids == (expected if sort == "due_at" else [*expected[2::-1], expected[3]])
    found = {
        name: [each["id"] for each in (await client.get(f"/api/tasks?{name}")).json()["items"]]
        for name in ("due_before=2026-12-01T00:00:00Z", "due_after=2026-12-01T00:00:00Z")
    }
    assert found == {
        "due_before=2026-12-01T00:00:00Z": [expected[0]],
        "due_after=2026-12-01T00:00:00Z": [expected[2], expected[1]],
    }


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": {"e": None}}}, {"a": {"c": 2, "d": {}}}),
        ({"a": [1, 2]}, {"a": [None]}, {"a": [None]}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": {"b": 1}}, {"a": 7}, {"a": 7}),
        ({"a": None}, {}, {"a": None}),
        ({"a": None}, {"b": None}, {"a": None}),
        ({"b": 1, "a": 2}, {"b": 3, "c": 4}, {"b": 3, "a": 2, "c": 4}),
    ],
)
async def test_extra_is_merged_recursively(
    client: httpx.AsyncClient,
    before: dict[str, Any],
    patch: dict[str, Any],
    after: dict[str, Any],
) -> None:
    for path in ("patch", "batch"):
        task = await created(client, extra=before)
        if path == "patch":
            changed = await patched(client, task, extra=patch)
        else:
            body = {"operations": [{"op": "update", "id": task["id"], "patch": {"extra": patch}}]}
            response = await client.post("/api/tasks/batch", json=body)
            changed = response.json()["results"][0]["task"]
        assert changed["extra"] == after
        assert list(changed["extra"]) == list(after)
        assert (changed["revision"] == task["revision"]) == (before == after)


async def test_extra_is_stored_as_it_was_sent(client: httpx.AsyncClient) -> None:
    sent = (
        b'{"title":"x","extra":{"z":1,"a":9999999999999999999,"n":-9999999999999999999,"f":0.1,'
        b'"e":1e300,"s":"\\u0000 \\ud83d\\ude00 \xc3\xa9","":[],"o":{"z":{},"a":[[]]},"t":true}}'
    )
    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/tasks", content=sent, headers=headers)
    assert response.status_code == 201, response.text
    extra = response.json()["extra"]
    assert list(extra) == ["z", "a", "n", "f", "e", "s", "", "o", "t"]
    assert extra["a"] == 9999999999999999999
    assert extra["n"] == -9999999999999999999
    assert (extra["f"], extra["e"], extra["s"]) == (0.1, 1e300, "\x00 😀 é")
    assert list(extra["o"]) == ["z", "a"]
    viewed = await client.get(response.headers["Location"])
    assert viewed.content == response.content


async def test_extra_has_at_most_4_kib(client: httpx.AsyncClient) -> None:
    task = await created(client, extra={"x": LONGEST})
    assert task["extra"] == {"x": LONGEST}
    for extra in ({"x": f"{LONGEST}x"}, {"x": f"{LONGEST[1:]}é"}):
        refused = await client.post("/api/tasks", json={"title": "x", "extra": extra})
        assert refused.status_code == 422
        assert refused.json()["errors"] == [
            {"pointer": "/extra", "detail": "has more than 4096 bytes as JSON"}
        ]


async def test_a_merged_extra_has_at_most_4_kib(client: httpx.AsyncClient) -> None:
    task = await created(client, extra={"x": LONGEST})
    address, patch = f"/api/tasks/{task['id']}", {"extra": {"y": 1}}
    refused = await client.patch(address, json=patch)
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        [{"pointer": "/extra", "detail": "would have more than 4096 bytes as JSON"}],
    )
    operations = [{"op": "create", "task": {"title": "y"}}]
    update = {"op": "update", "id": task["id"], "patch": patch}
    body = {"operations": [*operations, update, update]}
    refused = await client.post("/api/tasks/batch", json=body)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [
        "/operations/1/patch/extra",
        "/operations/2/patch/extra",
    ]
    assert refused.json()["detail"] == (
        "The task's `extra` would be too large. The batch was rolled back. "
        "`errors` lists what failed."
    )
    # The precondition is checked first.
    stale = await client.patch(address, json=patch, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert (await client.get("/api/tasks")).json()["items"] == [task]


async def test_concurrent_patches_of_extra_are_all_kept(client: httpx.AsyncClient) -> None:
    task = await created(client)
    await asyncio.gather(*(patched(client, task, extra={f"k{n}": n}) for n in range(12)))
    extra = (await client.get(f"/api/tasks/{task['id']}")).json()["extra"]
    assert extra == {f"k{n}": n for n in range(12)}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"labels": ["a", "a"]}, [("/labels", "has equal items")]),
        ({"labels": [str(n) for n in range(21)]}, [("/labels", "has more than 20 items")]),
        ({"labels": ["", "a\0"]}, [("/labels/0", "fewer than 1"), ("/labels/1", "U+0000")]),
        ({"labels": ["x" * 51]}, [("/labels/0", "has more than 50 characters")]),
        ({"labels": "a"}, [("/labels", "an array")]),
        ({"labels": {}}, [("/labels", "an array")]),
        ({"labels": [None, 7]}, [("/labels/0", "a string"), ("/labels/1", "a string")]),
        ({"priority": "urgent"}, [("/priority", "is not one of none, low, medium, high")]),
        ({"priority": 3}, [("/priority", "is not a string"), ("/priority", "is not one of")]),
        ({"priority": None}, [("/priority", "is not a string"), ("/priority", "is not one of")]),
        ({"position": ""}, [("/position", "must have 1 to 100 printable ASCII characters")]),
        ({"position": "é"}, [("/position", "must have 1 to 100 printable")]),
        ({"position": "a\n"}, [("/position", "must have 1 to 100 printable")]),
        ({"position": "x" * 101}, [("/position", "must have 1 to 100 printable")]),
        ({"position": 1}, [("/position", "is not null or a string")]),
        ({"due_on": "2026-02-30"}, [("/due_on", "is not a date from 1000-01-01 to 9999-12-30")]),
        ({"due_on": "2026-12-01T00:00:00Z"}, [("/due_on", "is not a date")]),
        ({"due_on": "0999-12-31"}, [("/due_on", "is not a date")]),
        ({"due_on": "9999-12-31"}, [("/due_on", "is not a date")]),
        ({"due_on": "20261201"}, [("/due_on", "is not a date")]),
        ({"due_on": "2026-W01-1"}, [("/due_on", "is not a date")]),
        ({"due_on": "٢٠٢٦-12-01"}, [("/due_on", "is not a date")]),
        ({"extra": []}, [("/extra", "is not an object")]),
        ({"extra": None}, [("/extra", "is not an object")]),
        (
            {"due_at": "2026-12-01T08:00:00Z", "due_on": "2026-12-01", "priority": "x"},
            [("/due_on", "cannot be combined with due_at"), ("/priority", "is not one of")],
        ),
    ],
)
async def test_every_fault_of_a_field_is_named(
    client: httpx.AsyncClient, fields: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    task = await created(client)
    address = f"/api/tasks/{task['id']}"
    body = {"title": "x", **fields}
    operation = {"op": "update", "id": task["id"], "patch": fields}
    for method, path, sent, before in (
        ("POST", "/api/tasks", body, ""),
        ("PUT", address, body, ""),
        ("PATCH", address, fields, ""),
        ("POST", "/api/tasks/batch", {"operations": [operation]}, "/operations/0/patch"),
    ):
        refused = await client.request(method, path, json=sent)
        assert refused.status_code == 422, (method, refused.text)
        found = [(each["pointer"], each["detail"]) for each in refused.json()["errors"]]
        assert len(found) == len(errors)
        for place, words in errors:
            assert any(pointer == before + place and words in detail for pointer, detail in found)
    assert (await client.get("/api/tasks")).json()["items"] == [task]


@pytest.mark.parametrize("day", ["1000-01-01", "9999-12-30", "2028-02-29"])
async def test_the_first_and_the_last_day_are_kept(client: httpx.AsyncClient, day: str) -> None:
    task = await created(client, due_on=day)
    assert (task["due_on"], task["due_at"]) == (day, None)
    (item,) = (await client.get("/api/tasks?sort=due_at")).json()["items"]
    assert item == task


async def test_labels_keep_their_order(client: httpx.AsyncClient) -> None:
    labels = ["b", "a", "B", '"{,}\\', "NULL", " "]
    task = await created(client, labels=labels)
    assert task["labels"] == labels
    assert (await patched(client, task, labels=["NULL", "b"]))["labels"] == ["NULL", "b"]


async def test_null_in_a_patch_removes_all_labels(client: httpx.AsyncClient) -> None:
    task = await created(client, labels=["a"])
    changed = await patched(client, task, labels=None)
    assert changed["labels"] == []
    assert await patched(client, changed, labels=None) == changed
    operation = {"op": "update", "id": task["id"], "patch": {"labels": None}}
    response = await client.post("/api/tasks/batch", json={"operations": [operation]})
    assert response.json()["results"][0]["task"] == changed
    for method, path in (("POST", "/api/tasks"), ("PUT", f"/api/tasks/{task['id']}")):
        refused = await client.request(method, path, json={"title": "x", "labels": None})
        assert refused.json()["errors"] == [{"pointer": "/labels", "detail": "is not an array"}]


async def test_a_repeat_shows_the_task_as_it_was_created(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    for body in (
        {"title": "x", **FULL, "completed": True},
        {"title": "x", "due_at": "2026-12-01T09:00:00+01:00"},
        {"title": "x"},
    ):
        first = await client.post("/api/tasks", json=body, headers=key)
        await client.delete(first.headers["Location"])
        again = await client.post("/api/tasks", json=body, headers=key)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.content == first.content
        key = {"Idempotency-Key": f"{key['Idempotency-Key']} more"}


# What version 0.2 does to a task: it knows neither `due_on` nor the other new columns.
OF_VERSION_0_2 = (
    "UPDATE tasks SET due_at = CAST(CAST(:due_at AS text) AS timestamptz) WHERE id = :id"
)


@pytest.mark.parametrize("due_at", ["2026-12-01T08:00:00+00:00", None])
async def test_a_due_date_of_version_0_2_replaces_the_day(
    client: httpx.AsyncClient, database: Database, due_at: str | None
) -> None:
    task = await created(client, **FULL)
    async with database.transaction() as connection:
        await connection.execute(text(OF_VERSION_0_2), {"due_at": due_at, "id": task["id"]})
    shown = due_at and due_at.replace("+00:00", "Z")
    address = f"/api/tasks/{task['id']}"
    for each in (
        (await client.get(address)).json(),
        (await client.get("/api/tasks?sort=due_at")).json()["items"][0],
        (await client.get("/api/tasks/changes")).json()["changes"][0]["task"],
        (await client.patch(address, json={"due_at": shown, "title": "x"})).json(),
        (await client.patch(address, json={"title": "y"})).json(),
    ):
        assert (each["due_at"], each["due_on"]) == (shown, None)
        assert part(each, ("labels", "priority")) == part(FULL, ("labels", "priority"))
    assert each["revision"] == task["revision"] + 1
