"""Each statement concerns one user in each table that it names, so it runs on one shard.

These tests need no Citus, because PostgreSQL's plan shows it: the planner derives for each table
which rows a statement concerns, and Citus's planner uses the same derivation.
"""

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import UniqueConstraint

from app.database.driver.statements import compiled
from app.database.driver.url import DatabaseUrl
from app.database.wall.citus import CITUS
from app.database.wall.layout import ONE_POSTGRESQL
from app.database.wall.policies import BEGIN
from app.tasks import (
    changes,
    counts,
    deletions,
    erasures,
    idempotency,
    own_ids,
    purge,
    statements,
    trash,
)
from app.tasks.models import metadata
from app.tasks.wall import WALL
from tests.performance.test_round_trips import CONTENT, TRIPS
from tests.support.driver import Sent, recorded_statements

SORTS = [
    f"{sign}{column}" for sign in ("", "-") for column in ("created_at", "due_at", "updated_at")
]
FILTERS = {"status": "pending", "q": "x", "due_before": "2030-01-01T00:00:00Z", "label": "x"}
PURGING = (purge.DELETE_KEYS, purge.SELECT_FLOOR, purge.RAISE_FLOOR, purge.DELETE_TOMBSTONES)
ERASING = (*erasures.DELETE_PORTION, erasures.DELETE_USER, erasures.DELETE_ERASURE)
NUMBER = re.compile(r"\$\d+")
SETS_OWNER = re.compile(r"\(SELECT set_config\([^)]*\) AS \w+\) IS NOT NULL")
OF_TRANSACTIONS = re.compile(
    rf"{BEGIN}; |COMMIT$|ROLLBACK$|LISTEN |SELECT pg_(try_advisory_xact_lock|notify)"
)


async def every_statement(client: httpx.AsyncClient, user: str) -> list[Sent]:
    """Return the statements of the API for each operation, list and page."""
    with recorded_statements() as sent:
        for trips in TRIPS:
            task = (await client.post("/api/tasks", json=CONTENT)).headers["Location"]
            deleted = (await client.post("/api/tasks", json=CONTENT)).headers["Location"]
            await client.delete(deleted)
            path = trips.path.format(task=task, deleted=deleted, user=user)
            await client.request(trips.method, path, json=trips.body, headers=trips.headers)
        for due_at in ("2029-01-01T00:00:00Z", "2029-01-02T00:00:00Z", None, None):
            await client.post("/api/tasks", json={"title": "x", "due_at": due_at})
        for parameters in _lists():
            await _walk(client, "/api/tasks", parameters, "cursor", "next_cursor")
        await _walk(client, "/api/tasks/changes", {}, "since", "next")
        for fields in ({"title": "y", "due_at": None}, {"completed": True, "description": "y"}):
            await client.patch(task, json=fields, headers={"If-Match": '"1"'})
    return list({each.sql: each for each in sent if not OF_TRANSACTIONS.match(each.sql)}.values())


def _lists() -> Iterator[dict[str, str]]:
    for sort, count in itertools.product(SORTS, range(len(FILTERS) + 1)):
        for names in itertools.combinations(FILTERS, count):
            yield {"sort": sort} | {name: FILTERS[name] for name in names}


async def _walk(
    client: httpx.AsyncClient, path: str, parameters: dict[str, str], name: str, member: str
) -> None:
    page: dict[str, Any] = {member: None}
    for _ in range(4):
        place = {name: page[member]} if page[member] else {}
        page = (await client.get(path, params={"limit": "1", **parameters, **place})).json()


def unpinned(plan: dict[str, Any], user: str) -> Iterator[str]:
    """Yield the tables of a plan in which rows of other users are read, with the condition."""
    table = plan.get("Relation Name", "")
    if table in WALL.owner_columns and "Scan" in plan["Node Type"]:
        conditions = "".join(str(plan.get(name, "")) for name in ("Index Cond", "Filter"))
        if f"({WALL.owner_columns[table]} = '{user}'::" not in conditions:
            yield f"{table}: {conditions}"
    for child in plan.get("Plans", []):
        yield from unpinned(child, user)


async def unpinned_in(login: asyncpg.Connection, sent: Sent, user: str) -> list[str]:
    explained = await login.fetchval(f"EXPLAIN (FORMAT JSON) {sent.sql}", *sent.arguments)
    return list(unpinned(json.loads(explained)[0]["Plan"], user))


@pytest.fixture
async def login(database_url: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, without policies, so that only the statement's conditions count."""
    connection = await asyncpg.connect(**database_url.for_driver)
    # A bitmap scan would show its condition in a separate node.
    await connection.execute("SET enable_bitmapscan = off")
    yield connection
    await connection.close()


@pytest.mark.usefixtures("one_postgresql")
async def test_every_statement_is_about_one_user_in_every_table(
    client: httpx.AsyncClient, user: str, login: asyncpg.Connection
) -> None:
    sent = await every_statement(client, user)
    assert len(sent) > 60
    found = {each.sql: await unpinned_in(login, each, user) for each in sent}
    assert {sql: faults for sql, faults in found.items() if faults} == {}
    where = "tasks.user_id = $1::VARCHAR AND"
    planted = [each._replace(sql=each.sql.replace(where, "")) for each in sent if where in each.sql]
    assert planted
    for each in planted:
        with pytest.raises((AssertionError, asyncpg.PostgresError)):
            assert await unpinned_in(login, each, user) == []


@pytest.mark.usefixtures("one_postgresql")
async def test_what_is_purged_is_purged_user_by_user(login: asyncpg.Connection) -> None:
    found = {}
    for each in (*PURGING, *ERASING):
        statement = compiled(each, ONE_POSTGRESQL.dialect)
        known = {**statement.constants, "user": "ada", "owner": "ada"}
        arguments = tuple(known.get(name, 1) for name in statement.names)
        found[statement.sql] = await unpinned_in(login, Sent(statement.sql, arguments), "ada")
    assert {sql: faults for sql, faults in found.items() if faults} == {}


def test_a_transaction_locks_one_user() -> None:
    *_, lock = CITUS.begin("a", locking=WALL).split("; ")
    assert lock == r"SELECT FROM users WHERE id = E'\U00000061' FOR NO KEY UPDATE"


def test_no_statement_for_citus_has_a_volatile_function() -> None:
    """Citus would reject a change in it; there, the transaction sets the owner."""
    known = [
        statements.INSERT_TASK,
        own_ids.INSERT_OWN_TASK,
        own_ids.SELECT_USE,
        *own_ids.DELETE_ERASED,
        statements.SELECT_TASK,
        deletions.DELETE_TASK,
        statements.UPDATE_TASK,
        trash.RESTORE_TASK,
        trash.SELECT_DELETED,
        counts.SELECT_COUNTS,
        changes._select_changes(begins=False, sized=False),  # noqa: SLF001 - only made there
        changes._select_changes(begins=False, sized=True),  # noqa: SLF001 - the same
        idempotency.STORE_KEY,
        erasures.DELETE_SMALL_USER,
        erasures.ERASE_USER,
        *ERASING,
    ]
    for statement in known:
        layouts = (ONE_POSTGRESQL, CITUS)
        plain, distributed = (
            NUMBER.sub("$", compiled(statement, each.dialect).sql) for each in layouts
        )
        assert "set_config" in plain
        assert distributed == SETS_OWNER.sub("true", plain)


def test_every_key_has_the_user_in_it() -> None:
    for table in metadata.tables.values():
        owner = table.c[WALL.owner_columns[table.name]]
        unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
        for key in (table.primary_key, *unique):
            assert next(iter(key.columns)) is owner
        assert not any(index.unique for index in table.indexes)
        for foreign in table.foreign_key_constraints:
            assert list(foreign.columns) == [owner]
            assert foreign.referred_table.name == "users"
