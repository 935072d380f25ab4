"""Every list equals a sorted and filtered Python list, for all filters, sort orders and pages."""

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from app.tasks.cursors import PageCursor, encode_cursor
from app.tasks.queries import TaskQuery
from quart_contract.document import Document
from quart_contract.operations import operations
from tests.tasks.test_list import walk

Parameters: TypeAlias = dict[str, str | int | list[str]]

COUNT = 14
DUE = [None, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "2026-12-02T00:00:00.000001Z"]
TITLES = ["Buy milk", "BUY MILK", "100% _sure_", "\u00c9clair", "\u00e9clair", "x' OR '1'='1"]
COLUMNS = ("created_at", "due_at", "updated_at", "priority", "position")
SORTS = [f"{sign}{name}" for sign in ("", "-") for name in COLUMNS]
PRIORITIES = ["none", "low", "medium", "high"]
# In the order of bytes, which is that of no language.
POSITIONS = [None, " ", "0", "A", "Z", "a", "a ", "a0", "aA", "~"]
LABELS = [["home"], ["home", "Home"], ["shop", "a,b", "home"], []]
FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "pending"},
    {"status": "completed"},
    {"due_before": "2026-12-02T00:00:00Z"},
    {"due_after": "2026-12-02T01:00:00+01:00"},
    {"due_after": "2026-12-01T00:00:00Z", "due_before": "2026-12-02T00:00:00.000001Z"},
    {"q": "buy"},
    {"q": "\u00c9CL"},
    {"q": "0% _"},
    {"q": "a' OR"},
    {"q": "two litres", "status": "pending", "due_after": "2026-12-01T00:00:00Z"},
    {"q": "milk  Buy\u2003LITRES"},
    {"q": "kt"},
    {"q": "nowhere"},
    {"label": ["home"]},
    {"label": ["a,b", *["home"] * 19], "status": "pending"},
    {"label": ["Home"], "q": "i"},
    {"label": ["hom"]},
]


@pytest.fixture
async def tasks(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Create tasks with equal and missing due dates. Change them in another order."""
    chosen = random.Random(7)  # noqa: S311 - it must be repeatable
    addresses = []
    for n in range(COUNT):
        content = {
            "title": TITLES[n % len(TITLES)],
            "description": chosen.choice([None, "Two Litres", "a' or b"]),
            "due_at": chosen.choice(DUE),
            "priority": chosen.choice(PRIORITIES),
            "position": chosen.choice(POSITIONS),
            "labels": chosen.choice(LABELS),
        }
        addresses.append((await client.post("/api/tasks", json=content)).headers["Location"])
    for address in chosen.sample(addresses, 6):
        await client.patch(f"{address}/complete")
    return [(await client.get(address)).json() for address in addresses]


def expected(tasks: list[dict[str, Any]], sort: str, **filters: Any) -> list[str]:  # noqa: ANN401
    """Return the ids of the tasks that match, in order."""
    name, descends = sort.removeprefix("-"), sort.startswith("-")
    found = [task for task in tasks if fits(task, **filters)]
    dated = [task for task in found if task[name] is not None]
    undated = [task for task in found if task[name] is None]
    key = KEYS.get(name, instant)
    dated.sort(key=lambda task: (key(task[name]), task["id"]), reverse=descends)
    undated.sort(key=lambda task: task["id"], reverse=descends)
    return [task["id"] for task in dated + undated]


def instant(text: str) -> str:
    """Return an instant in a form that sorts by time."""
    return text.removesuffix("Z").ljust(26, "." if len(text) == 20 else "0").replace(".", "0")


KEYS: dict[str, Callable[[str], Any]] = {"priority": PRIORITIES.index, "position": str.encode}


def fits(
    task: dict[str, Any],
    status: str = "all",
    q: str = "",
    due_before: str | None = None,
    due_after: str | None = None,
    label: Iterable[str] = (),
) -> bool:
    if not set(label) <= set(task["labels"]):
        return False
    texts = [task["title"].lower(), (task["description"] or "").lower()]
    if not all(any(word in text for text in texts) for word in q.lower().split()):
        return False
    if status != "all" and task["completed"] != (status == "completed"):
        return False
    if due_before is None and due_after is None:
        return True
    index = DUE.index(task["due_at"])
    first = 1 if due_after is None or due_after.startswith("2026-12-01") else 2
    last = {None: 3, "2026-12-02T00:00:00Z": 1, "2026-12-02T00:00:00.000001Z": 2}[due_before]
    return first <= index <= last


def lists() -> Iterator[dict[str, Any]]:
    for sort, filters in product(SORTS, FILTERS):
        yield {"sort": sort, **filters}


async def test_every_list_is_complete_and_in_order(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    for parameters in lists():
        due = expected(tasks, **parameters)
        for limit in (1, 3, 200):
            pages = await walk(client, limit=limit, **parameters)
            assert [id_ for page in pages for id_ in page] == due, (parameters, limit)
            assert all(len(page) == limit for page in pages[:-1])


async def test_what_is_expected_is_not_always_nothing(tasks: list[dict[str, Any]]) -> None:
    sizes = {len(expected(tasks, **parameters)) for parameters in lists()}
    assert {0, COUNT} < sizes
    assert len({tuple(expected(tasks, sort)) for sort in SORTS}) == len(SORTS)


async def test_the_link_leads_to_the_next_page(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    parameters: Parameters = {
        "sort": "-due_at",
        "q": "i",
        "due_after": "2026-12-01T01:00:00+01:00",
        "limit": 2,
    }
    response = await client.get("/api/tasks", params=parameters)
    found = response.json()["items"]
    while "Link" in response.headers:
        link = response.headers["Link"]
        assert link.endswith('>; rel="next"')
        target = link.removeprefix("<").partition(">")[0]
        query = parse_qs(urlsplit(target).query)
        assert query["cursor"] == [response.json()["next_cursor"]]
        response = await client.get(target)
        found += response.json()["items"]
    assert response.json()["next_cursor"] is None
    filters = {"q": "i", "due_after": "2026-12-01T00:00:00Z"}
    assert [task["id"] for task in found] == expected(tasks, "-due_at", **filters)
    assert len(found) > 2


async def test_the_link_repeats_every_label(
    client: httpx.AsyncClient, tasks: list[dict[str, Any]]
) -> None:
    labels = {"label": ["home", "a,b"]}
    response = await client.get("/api/tasks", params={**labels, "limit": 1})
    target = response.links["next"]["url"]
    assert parse_qs(urlsplit(target).query)["label"] == labels["label"]
    rest = await client.get(target, params=None)
    found = [*response.json()["items"], *rest.json()["items"]]
    assert [task["id"] for task in found] == expected(tasks, "-created_at", **labels)[: len(found)]
    # A cursor does not depend on the order of the labels.
    cursor = response.json()["next_cursor"]
    again = {"label": ["a,b", "home", "a,b"], "limit": 1, "cursor": cursor}
    assert (await client.get("/api/tasks", params=again)).json() == rest.json()


@pytest.mark.usefixtures("tasks")
async def test_a_cursor_is_good_only_for_its_list(client: httpx.AsyncClient) -> None:
    base: Parameters = {"sort": "due_at", "due_after": "2026-12-01T00:00:00Z", "limit": 1}
    cursor = (await client.get("/api/tasks", params=base)).json()["next_cursor"]
    changes: tuple[Parameters, ...] = (
        {"sort": "-due_at"},
        {"sort": "created_at"},
        {"q": "x"},
        {"status": "pending"},
        {"due_before": "2027-01-01T00:00:00Z"},
        {"due_after": "2026-12-01T00:00:00.1Z"},
        {"label": "home"},
        {"label": ["home", "home"]},
    )
    for change in changes:
        refused = await client.get("/api/tasks", params=base | change | {"cursor": cursor})
        assert refused.status_code == 422, change
    same: Parameters = {"due_after": "2026-11-30T23:00:00-01:00", "limit": 5}
    continued = await client.get("/api/tasks", params=base | same | {"cursor": cursor})
    assert continued.status_code == 200


@pytest.mark.usefixtures("tasks")
async def test_empty_filters_filter_nothing(client: httpx.AsyncClient) -> None:
    everything = (await client.get("/api/tasks?limit=5")).json()
    empty: Parameters = dict.fromkeys(
        ("status", "due_before", "due_after", "sort", "cursor", "label"), ""
    )
    for q in ("", " \t\u3000"):
        filters = empty | {"q": q, "limit": 5}
        page = (await client.get("/api/tasks", params=filters)).json()
        assert page["items"] == everything["items"]
        # A cursor is for the same list, whether its filters are empty or absent.
        absent = await walk(client, cursor=everything["next_cursor"])
        assert (
            await walk(client, **filters | {"cursor": page["next_cursor"], "limit": 50}) == absent
        )
    assert len((await client.get("/api/tasks?limit=")).json()["items"]) == COUNT


async def test_every_optional_query_parameter_can_be_empty(contract: Document) -> None:
    queries = [
        each
        for operation in operations(contract)
        for each in operation.parameters
        if each.location == "query" and not each.required
    ]
    assert {"q", "since"} < {each.name for each in queries}
    assert [each.name for each in queries if not each.allows_empty] == []


@pytest.mark.usefixtures("tasks")
async def test_a_cursor_is_for_the_words_of_a_search(client: httpx.AsyncClient) -> None:
    first = (await client.get("/api/tasks", params={"q": "buy milk", "limit": 1})).json()
    cursor = first["next_cursor"]
    for q, status in ((" buy \u2003milk\n", 200), ("buy milk x", 422), ("buymilk", 422), ("", 422)):
        found = await client.get("/api/tasks", params={"q": q, "cursor": cursor})
        assert found.status_code == status, q


@pytest.mark.parametrize("sort", ["created_at", "-due_at"])
async def test_a_forged_undated_cursor_is_rejected_by_a_dated_list(
    client: httpx.AsyncClient, user: str, sort: str
) -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)
    listing = TaskQuery(completed=None, q=None, due_before=None, due_after=after, sort=sort)
    cursor = encode_cursor(PageCursor(None, uuid4()), user, listing.scope)
    parameters = {"sort": sort, "due_after": after.isoformat(), "cursor": cursor}
    assert (await client.get("/api/tasks", params=parameters)).status_code == 422


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("q=" + "x" * 201, "q"),
        ("q=%00", "q"),
        ("due_before=2026-12-01", "due_before"),
        ("due_after=2026-12-01T00:00:00", "due_after"),
        ("due_before=9999-12-31T23:59:59.999999Z", "due_before"),
        ("sort=title", "sort"),
        ("sort=%2Bdue_at", "sort"),
        ("label=" + "x" * 51, "label"),
        ("label=%00", "label"),
        ("label=x&label=", "label"),
        ("&".join(f"label={n}" for n in range(21)), "label"),
    ],
)
async def test_a_filter_that_does_not_fit_is_refused(
    client: httpx.AsyncClient, query: str, parameter: str
) -> None:
    refused = await client.get(f"/api/tasks?{query}")
    assert refused.status_code == 422
    assert {each["parameter"] for each in refused.json()["errors"]} == {parameter}


async def test_a_text_is_looked_for_up_to_its_longest(client: httpx.AsyncClient) -> None:
    await client.post("/api/tasks", json={"title": "\U0001f99c" * 200})
    found = await client.get("/api/tasks", params={"q": "\U0001f99c" * 200})
    assert len(found.json()["items"]) == 1
