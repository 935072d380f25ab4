"""At 100,000 rows, each statement of each operation uses the intended index."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.tasks.changes import ChangeStore
from app.tasks.queries import TaskQuery, select_page
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from tests.performance.explain import ExplainedSession


@pytest.fixture
async def task_id(session: ExplainedSession) -> UUID:
    listing = TaskQuery(**NO_FILTERS | {"completed": False}, sort="created_at")
    page, _ = await TaskStore(session).page(listing, limit=1, after=None)
    session.nodes()
    return page.items[0].id


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    arbiters = {name for node in nodes for name in node.get("Conflict Arbiter Indexes", [])}
    return arbiters | {node["Index Name"] for node in nodes if "Index Name" in node}


def assert_bounded(nodes: list[dict[str, Any]]) -> None:
    """No plan reads a whole table or sorts more than the rows of a page."""
    assert {node["Node Type"] for node in nodes}.isdisjoint({"Seq Scan", "Bitmap Heap Scan"})
    for node in nodes:
        if node["Node Type"] == "Sort":
            assert all(is_limited(child) for child in node["Plans"])


def is_limited(node: dict[str, Any]) -> bool:
    """Return whether a node has at most the rows of pages, or the user's one row."""
    if node["Node Type"] == "Limit" or node.get("Index Name") == "users_pkey":
        return True
    # A node that reads no table computes a single value, such as the policy's.
    return "Relation Name" not in node and all(map(is_limited, node.get("Plans", [])))


CONTENT = TaskInput(title="x")
DAY = datetime(2030, 1, 1, tzinfo=UTC)
NO_FILTERS: dict[str, Any] = dict.fromkeys(("completed", "q", "due_before", "due_after"))


async def test_get_walks_the_primary_key(session: ExplainedSession, task_id: UUID) -> None:
    await TaskStore(session).get(task_id)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_pkey", "users_pkey"}


async def test_create_finds_the_user_by_the_primary_key(session: ExplainedSession) -> None:
    await TaskStore(session).create(CONTENT, max_tasks=100_000)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"users_pkey"}


@pytest.mark.parametrize("fields", [{"title": "y"}, {"completed": True}, {"completed": False}])
@pytest.mark.parametrize("expected", [None, range(1, 60_000)])
async def test_a_change_walks_the_primary_keys(
    session: ExplainedSession,
    task_id: UUID,
    fields: dict[str, object],
    expected: range | None,
) -> None:
    store = TaskStore(session)
    await store.update(task_id, fields, expected and list(expected))
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_pkey", "users_pkey"}


async def test_a_deletion_walks_the_primary_keys(session: ExplainedSession, task_id: UUID) -> None:
    await TaskStore(session).delete(task_id)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {
        "tasks_pkey",
        "users_pkey",
        "tombstones_pkey",
        "tombstones_revision",
    }


async def test_a_restoration_walks_the_primary_keys(
    session: ExplainedSession, task_id: UUID
) -> None:
    store = TaskStore(session)
    await store.delete(task_id)
    session.nodes()
    await store.restore(task_id, max_tasks=100_000)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_pkey", "users_pkey", "tombstones_pkey"}


async def test_tasks_are_counted_in_their_indexes(session: ExplainedSession) -> None:
    await TaskStore(session).summary(max_tasks=100_000)
    scans = {
        (node["Relation Name"], node["Node Type"], node.get("Index Name"))
        for node in session.nodes()
        # Some are for a user who is being erased.
        if "Relation Name" in node and node["Actual Loops"]
    }
    assert scans - {("erasures", "Seq Scan", None)} == {
        ("tasks", "Index Only Scan", "tasks_completed_created"),
        ("tombstones", "Index Only Scan", "tombstones_restorable"),
        ("users", "Index Scan", "users_pkey"),
    }


async def test_the_first_changes_walk_the_index_of_revisions(session: ExplainedSession) -> None:
    await ChangeStore(session).since(None, limit=5)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_revision", "users_pkey"}


async def test_later_changes_walk_the_indexes_of_revisions(session: ExplainedSession) -> None:
    store = ChangeStore(session)
    token = (await store.since(None, limit=5)).next
    session.nodes()
    await store.since(token, limit=5)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_revision", "tombstones_revision", "users_pkey"}


async def test_a_page_of_long_tasks_walks_the_same_index(session: ExplainedSession) -> None:
    listing = TaskQuery(**NO_FILTERS, sort="-created_at")
    sizes = {"row_limit": 6, "share_octets": 1_000}
    await session.read(select_page(listing, None, sized=True), **sizes)
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_created", "users_pkey"}


async def test_the_etag_of_a_list_is_one_look_up(session: ExplainedSession) -> None:
    await TaskStore(session).list_etag()
    scans = [node for node in session.nodes() if "Relation Name" in node]
    assert [node["Index Name"] for node in scans] == ["users_pkey"]


@pytest.mark.parametrize(
    ("filters", "sort", "index"),
    [
        ({}, "created_at", "tasks_created"),
        ({"completed": False}, "created_at", "tasks_completed_created"),
        ({"completed": True}, "created_at", "tasks_completed_created"),
        ({"q": "task"}, "created_at", "tasks_created"),
        ({"q": "nothing"}, "created_at", "tasks_created"),
        ({}, "updated_at", "tasks_updated"),
        ({}, "due_at", "tasks_due"),
        ({"due_before": DAY, "due_after": DAY}, "due_at", "tasks_due"),
        ({}, "priority", "tasks_priority"),
        ({"completed": False}, "priority", "tasks_priority"),
        ({}, "position", "tasks_position"),
        ({"labels": ("even",)}, "created_at", "tasks_created"),
        ({"labels": ("even",)}, "position", "tasks_position"),
        ({"labels": ("nowhere",)}, "created_at", "tasks_created"),
    ],
)
@pytest.mark.parametrize("direction", ["", "-"])
async def test_a_page_walks_the_index_of_its_sort(
    session: ExplainedSession,
    filters: dict[str, Any],
    sort: str,
    index: str,
    direction: str,
) -> None:
    store = TaskStore(session)
    listing = TaskQuery(**NO_FILTERS | filters, sort=direction + sort)
    page, _ = await store.page(listing, limit=5, after=None)
    if page.next_cursor:
        await store.page(listing, limit=5, after=store.page_cursor(listing, page.next_cursor))
    nodes = session.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {index, "users_pkey"}


@pytest.mark.parametrize("sort", ["created_at", "-due_at", "updated_at", "priority", "-position"])
@pytest.mark.parametrize(
    "filters",
    [
        {"q": "task"},
        {"completed": True},
        {"due_before": DAY, "completed": False},
        {"labels": ("even", "odd")},
        {"deleted": True},
        {"deleted": True, "labels": ("even",)},
    ],
)
async def test_whatever_else_is_filtered_no_row_of_others_is_looked_at(
    session: ExplainedSession, filters: dict[str, Any], sort: str
) -> None:
    store = TaskStore(session)
    await store.page(TaskQuery(**NO_FILTERS | filters, sort=sort), limit=5, after=None)
    scans = [node for node in session.nodes() if "Relation Name" in node]
    assert all("Scan" in node["Node Type"] for node in scans)
    for node in scans:
        condition = node.get("Index Cond") or node.get("Recheck Cond")
        assert condition, node
        assert any(f"({column} = " in condition for column in ("user_id", "id")), node
