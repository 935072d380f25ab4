"""The number of rows that PostgreSQL reads for each operation, for any user and any page."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import uuid4

import msgspec
import pytest

from app.tasks.changes import ChangeStore
from app.tasks.queries import TaskQuery
from app.tasks.schemas import Task, TaskInput
from app.tasks.store import TaskStore
from tests.conftest import REPORTED
from tests.performance.explain import ExplainedSession

LIMIT = 20
PAGE = LIMIT + 1
"""One more row shows whether there is a next page."""

NEWEST = TaskQuery(completed=None, q=None, due_before=None, due_after=None, sort="-created_at")

Operation: TypeAlias = Callable[[ExplainedSession, Task], Awaitable[object]]


async def get(session: ExplainedSession, task: Task) -> None:
    await TaskStore(session).get(task.id)


async def etag_of_lists(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).list_etag()


async def first_page(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).page(NEWEST, LIMIT, None)


async def later_page(session: ExplainedSession, _: Task) -> None:
    store = TaskStore(session)
    page, _etag = await store.page(NEWEST, LIMIT, None)
    session.nodes()
    await store.page(NEWEST, LIMIT, store.page_cursor(NEWEST, str(page.next_cursor)))


async def search(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).page(msgspec.structs.replace(NEWEST, q="task t"), LIMIT, None)


async def first_changes(session: ExplainedSession, _: Task) -> None:
    await ChangeStore(session).since(None, LIMIT)


async def later_changes(session: ExplainedSession, _: Task) -> None:
    store = ChangeStore(session)
    page = await store.since(None, LIMIT)
    session.nodes()
    await store.since(page.next, LIMIT)


async def create(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).create(TaskInput(title="x"), max_tasks=100_000)


async def create_own(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).create_once(TaskInput(title="x", id=uuid4()), max_tasks=100_000)


async def complete(session: ExplainedSession, task: Task) -> None:
    await TaskStore(session).update(task.id, {"completed": not task.completed})


async def complete_again(session: ExplainedSession, task: Task) -> None:
    await TaskStore(session).update(task.id, {"completed": task.completed})


async def delete(session: ExplainedSession, task: Task) -> None:
    await TaskStore(session).delete(task.id)


async def restore(session: ExplainedSession, task: Task) -> None:
    store = TaskStore(session)
    await store.delete(task.id)
    session.nodes()
    await store.restore(task.id, max_tasks=100_000)


async def by_priority(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).page(msgspec.structs.replace(NEWEST, sort="priority"), LIMIT, None)


async def with_a_common_label(session: ExplainedSession, _: Task) -> None:
    await TaskStore(session).page(msgspec.structs.replace(NEWEST, labels=("even",)), LIMIT, None)


@pytest.mark.parametrize(
    ("operation", "users", "tasks"),
    [
        # Each arm of a query reads the owner's row once more, to see which rows are erased.
        (get, 1, 1),
        (etag_of_lists, 1, 0),
        (first_page, 2, PAGE),
        (later_page, 2, PAGE),
        # All tasks match: the search ends when the page is full.
        (search, 2, PAGE),
        (first_changes, 2, PAGE),
        (later_changes, 3, PAGE),
        (create, 0, 0),
        # The user's row, to see whether it changes before the lock.
        (create_own, 1, 0),
        # Once to lock it, and once to change it, or to see that nothing has to change.
        (complete, 2, 2),
        (complete_again, 2, 2),
        (delete, 2, 2),
        # Three statements. The task is read again only if it was not deleted.
        (restore, 3, 0),
        (by_priority, 2, PAGE),
        # Every second task has the label.
        (with_a_common_label, 2, 2 * PAGE),
    ],
)
async def test_an_operation_looks_at_just_so_many_rows(
    session: ExplainedSession,
    operation: Operation,
    users: int,
    tasks: int,
    record_property: Callable[[str, object], None],
) -> None:
    page, _ = await TaskStore(session).page(NEWEST, 1, None)
    session.nodes()
    await operation(session, page.items[0])
    nodes = session.nodes()
    assert {name: rows_of(nodes, name) for name in ("users", "tasks")} == {
        "users": users,
        "tasks": tasks,
    }
    blocks = nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"]
    name = f"{operation.__name__.replace('_', ' ')} of {session.user_id!r}"
    record_property(REPORTED, f"Rows of {name}: {users} users, {tasks} tasks; {blocks} blocks")


def rows_of(nodes: list[dict[str, Any]], table: str) -> int:
    """Return the number of rows that scans of a table read, including those filtered out."""
    scans = [
        node for node in nodes if node.get("Relation Name") == table and "Scan" in node["Node Type"]
    ]
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in scans
    )
