"""At 100,000 rows, each statement of each operation walks the index that was meant for it."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.migrate import migrate
from app.database.url import DatabaseUrl
from app.database.wall import prelude
from app.tasks.changes import ChangeStore
from app.tasks.pages import Listing
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from tests.empty_database import make_empty_database

# A thousand users of 50 tasks each, and one of 50,000: a scan of either table would be seen.
FILL = """
INSERT INTO users (id, revision, task_count)
SELECT 'user ' || n, 50, 50 FROM generate_series(1, 1000) n UNION ALL SELECT 'many', 50000, 50000;

INSERT INTO tasks (user_id, id, title, revision, completed, completed_at, created_at, updated_at,
                   due_at)
SELECT u.id, gen_random_uuid(), 'task ' || n, n, n % 4 = 0, CASE WHEN n % 4 = 0 THEN now() END,
       now() - n * interval '1 second', now() - n::bigint * n % 1000 * interval '1 second',
       CASE WHEN n % 3 > 0 THEN now() + n::bigint * n % 1000 * interval '1 second' END
FROM users u CROSS JOIN LATERAL generate_series(1, u.task_count) n;

INSERT INTO tombstones (user_id, id, revision)
SELECT u.id, gen_random_uuid(), n + u.revision
FROM users u CROSS JOIN LATERAL generate_series(1, u.task_count) n;

UPDATE users SET revision = 2 * revision;

ANALYZE users; ANALYZE tasks; ANALYZE tombstones;
"""


@pytest.fixture(scope="module")
async def crowded(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    async with make_empty_database(database_url) as url:
        database = Database(url, pool_size=1)
        await migrate(database)
        await fill(database)
        yield database
        await database.close()


async def fill(database: Database) -> None:
    async with database.transaction() as connection:
        for statement in FILL.split(";"):
            await connection.execute(text(statement or "SELECT"))
        count = (await connection.execute(text("SELECT count(*) FROM tasks"))).scalar_one()
        assert count == 100_000


@pytest.fixture(params=["user 7", "many"])
async def connection(
    crowded: Database, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncConnection]:
    """A transaction of a user, behind the second wall, that is rolled back."""
    async with crowded.engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        for command in prelude(request.param).split("; ")[1:]:
            await connection.exec_driver_sql(command)
        yield connection
        await connection.rollback()


@pytest.fixture
def user_id(request: pytest.FixtureRequest) -> str:
    name: str = request.node.callspec.params["connection"]
    return name


@pytest.fixture
async def task_id(connection: AsyncConnection, user_id: str) -> UUID:
    sql = text("SELECT id FROM tasks WHERE user_id = :user AND NOT completed LIMIT 1")
    id_: UUID = (await connection.execute(sql, {"user": user_id})).scalar_one()
    return id_


class Recorder:
    """Records every statement that a connection runs, and explains them afterwards."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._statements: list[tuple[str, Any]] = []
        event.listen(connection.sync_connection, "before_cursor_execute", self._record)

    def _record(self, *arguments: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event
        _, _, statement, parameters, *_ = arguments
        self._statements.append((statement, parameters))

    async def nodes(self) -> list[dict[str, Any]]:
        """All nodes of the plans of all statements so far."""
        recorded, self._statements = self._statements, []
        found: list[dict[str, Any]] = []
        for statement, parameters in recorded:
            explained = await self._connection.exec_driver_sql(
                f"EXPLAIN (FORMAT JSON) {statement}", parameters
            )
            answer = explained.scalar_one()
            plan = json.loads(answer) if isinstance(answer, str) else answer
            found += walk(plan[0]["Plan"])
        return found


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from walk(child)


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    arbiters = {name for node in nodes for name in node.get("Conflict Arbiter Indexes", [])}
    return arbiters | {node["Index Name"] for node in nodes if "Index Name" in node}


def assert_bounded(nodes: list[dict[str, Any]]) -> None:
    """Nothing reads a whole table, and nothing is sorted but the rows of a page."""
    assert {node["Node Type"] for node in nodes}.isdisjoint({"Seq Scan", "Bitmap Heap Scan"})
    for node in nodes:
        if node["Node Type"] == "Sort":
            assert all(is_limited(child) for child in node["Plans"])


def is_limited(node: dict[str, Any]) -> bool:
    """Whether a node has at most the rows of pages, or of the user's one row."""
    if node["Node Type"] == "Limit" or node.get("Index Name") == "users_pkey":
        return True
    # A node that reads nothing computes a single value, such as the policy's.
    return "Relation Name" not in node and all(map(is_limited, node.get("Plans", [])))


CONTENT = TaskInput(title="x")
DAY = datetime(2030, 1, 1, tzinfo=UTC)
NO_FILTERS = dict.fromkeys(("completed", "q", "due_before", "due_after"))


async def test_get_walks_the_primary_key(
    connection: AsyncConnection, user_id: str, task_id: UUID
) -> None:
    recorder = Recorder(connection)
    await TaskStore(connection, user_id).get(task_id)
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_pkey"}


async def test_create_finds_the_user_by_the_primary_key(
    connection: AsyncConnection, user_id: str
) -> None:
    recorder = Recorder(connection)
    await TaskStore(connection, user_id).create(CONTENT, max_tasks=100_000)
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"users_pkey"}


@pytest.mark.parametrize("fields", [{"title": "y"}, {"completed": True}, {"completed": False}])
@pytest.mark.parametrize("expected", [None, range(1, 60_000)])
async def test_a_change_walks_the_primary_keys(
    connection: AsyncConnection,
    user_id: str,
    task_id: UUID,
    fields: dict[str, object],
    expected: range | None,
) -> None:
    store, recorder = TaskStore(connection, user_id), Recorder(connection)
    await store.update(task_id, fields, expected and list(expected))
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_pkey", "users_pkey"}


async def test_a_deletion_walks_the_primary_keys(
    connection: AsyncConnection, user_id: str, task_id: UUID
) -> None:
    recorder = Recorder(connection)
    await TaskStore(connection, user_id).delete(task_id)
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_pkey", "users_pkey"}


async def test_the_first_changes_walk_the_index_of_revisions(
    connection: AsyncConnection, user_id: str
) -> None:
    recorder = Recorder(connection)
    await ChangeStore(connection, user_id).since(None, limit=5)
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_revision", "users_pkey"}


async def test_later_changes_walk_the_indexes_of_revisions(
    connection: AsyncConnection, user_id: str
) -> None:
    store = ChangeStore(connection, user_id)
    token = (await store.since(None, limit=5)).next
    recorder = Recorder(connection)
    await store.since(token, limit=5)
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {"tasks_revision", "tombstones_revision", "users_pkey"}


async def test_the_etag_of_a_list_is_one_look_up(connection: AsyncConnection, user_id: str) -> None:
    recorder = Recorder(connection)
    await TaskStore(connection, user_id).list_etag()
    scans = [node for node in await recorder.nodes() if "Relation Name" in node]
    assert [node["Index Name"] for node in scans] == ["users_pkey"]


@pytest.mark.parametrize(
    ("filters", "sort", "index"),
    [
        ({}, "created_at", "tasks_created"),
        ({"completed": False}, "created_at", "tasks_completed_created"),
        ({"completed": True}, "created_at", "tasks_completed_created"),
        ({}, "updated_at", "tasks_updated"),
        ({}, "due_at", "tasks_due"),
        ({"due_before": DAY, "due_after": DAY}, "due_at", "tasks_due"),
    ],
)
@pytest.mark.parametrize("direction", ["", "-"])
async def test_a_page_walks_the_index_of_its_sort(
    connection: AsyncConnection,
    user_id: str,
    filters: dict[str, Any],
    sort: str,
    index: str,
    direction: str,
) -> None:
    store, recorder = TaskStore(connection, user_id), Recorder(connection)
    listing = Listing(**NO_FILTERS | filters, sort=direction + sort)
    page, _ = await store.page(listing, limit=5, after=None)
    if page.next_cursor:
        await store.page(listing, limit=5, after=store.position(listing, page.next_cursor))
    nodes = await recorder.nodes()
    assert_bounded(nodes)
    assert indexes(nodes) == {index, "users_pkey"}


@pytest.mark.parametrize("sort", ["created_at", "-due_at", "updated_at"])
@pytest.mark.parametrize(
    "filters", [{"q": "task"}, {"completed": True}, {"due_before": DAY, "completed": False}]
)
async def test_whatever_else_is_filtered_no_row_of_others_is_looked_at(
    connection: AsyncConnection, user_id: str, filters: dict[str, Any], sort: str
) -> None:
    store, recorder = TaskStore(connection, user_id), Recorder(connection)
    await store.page(Listing(**NO_FILTERS | filters, sort=sort), limit=5, after=None)
    scans = [node for node in await recorder.nodes() if "Relation Name" in node]
    assert all("Scan" in node["Node Type"] for node in scans)
    for node in scans:
        condition = node.get("Index Cond") or node.get("Recheck Cond")
        assert condition, node
        assert any(f"({column} = " in condition for column in ("user_id", "id")), node
