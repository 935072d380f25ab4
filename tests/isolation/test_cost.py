"""The cost of the second wall: measured and reported only, because a duration is not a test."""

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import URL

from app.database.driver.url import DatabaseUrl
from app.database.wall.policies import ROLE
from tests.conftest import REPORTED
from tests.support.driver import listening

ROUNDS = 10
STATEMENTS = 100
GUARD = re.compile(
    r"\(SELECT set_config\('app\.user_id', \$\d+::VARCHAR, true\) AS set_config_1\) IS NOT NULL"
)


@asynccontextmanager
async def connected(url: URL, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn, server_settings=settings)
    yield connection
    await connection.close()


@pytest.mark.usefixtures("one_postgresql")
async def test_the_second_wall_adds_little_to_a_list(
    client: httpx.AsyncClient,
    database_url: DatabaseUrl,
    record_property: Callable[[str, object], None],
) -> None:
    for _ in range(50):
        await client.post("/api/tasks", json={"title": "x", "description": "y" * 100})
    with listening() as sent:
        await client.get("/api/tasks")
    sql, arguments = sent[0]
    bare_sql = GUARD.sub("true", sql)
    assert "set_config" not in bare_sql
    url = database_url.for_sqlalchemy
    behind: list[float] = []
    before: list[float] = []
    # Policies do not apply to a superuser.
    async with connected(url, role=ROLE) as walled, connected(url) as bare:
        for _ in range(ROUNDS):
            behind.append(await _milliseconds(walled, sql, *arguments))
            before.append(await _milliseconds(bare, bare_sql, *arguments))
    with_wall, without = median(behind), median(before)
    record_property(
        REPORTED,
        f"A list of 50 tasks: {with_wall:.3f} ms with the second wall, {without:.3f} ms without "
        f"it, {with_wall / without - 1:+.1%} (medians of {ROUNDS} interleaved rounds)",
    )


async def _milliseconds(
    connection: asyncpg.Connection,
    sql: str,
    *arguments: Any,  # noqa: ANN401 - the driver's
) -> float:
    before = time.perf_counter()
    for _ in range(STATEMENTS):
        assert len(await connection.fetch(sql, *arguments)) == 50
    return (time.perf_counter() - before) / STATEMENTS * 1000
