"""Upgrades of a database with 100,000 tasks while the released version reads and writes in it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver.engines import LOCK_TIMEOUT_MS
from app.database.driver.url import DatabaseUrl
from app.database.migrations import runner as migrations
from app.database.migrations.runner import migrate
from app.database.wall.audit import find_holes
from app.tasks.wall import WALL
from tests.conftest import REPORTED
from tests.upgrades.load import under_load
from tests.upgrades.released_0_1_0 import REVISION
from tests.upgrades.steps import closing, migrate_to

FILL = """
INSERT INTO users (id, revision, task_count)
SELECT 'filled ' || n, 100, 100 FROM generate_series(1, 1000) n;

INSERT INTO tasks (user_id, id, title, revision, created_at)
SELECT 'filled ' || u, gen_random_uuid(), 'task ' || n, n, now() - n * interval '1 second'
FROM generate_series(1, 1000) u, generate_series(1, 100) n
"""


@asynccontextmanager
async def long_transaction(url: DatabaseUrl, seconds: float) -> AsyncIterator[asyncio.Task[None]]:
    """Read the table of users in a transaction that stays open for some seconds; yield its end."""
    connection = await asyncpg.connect(**url.for_driver)
    await connection.execute("BEGIN; SELECT FROM users LIMIT 1")

    async def end() -> None:
        await asyncio.sleep(seconds)
        await connection.execute("COMMIT")

    ending = asyncio.create_task(end())
    yield ending
    await ending
    await connection.close()


async def test_an_upgrade_neither_fails_nor_delays_old_requests(
    empty_database: DatabaseUrl,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(migrations, "SECONDS_BETWEEN_ATTEMPTS", 0.2)
    databases = [Database(empty_database, pool_size=1, wall=WALL) for _ in range(2)]
    async with closing(*databases):
        await migrate_to(databases[0], REVISION)
        async with databases[0].transaction() as connection:
            for statement in FILL.split(";"):
                await connection.execute(text(statement))
        async with under_load(empty_database) as load:
            await asyncio.sleep(0.5)
            # Longer than the clients wait: a statement that queued behind it would block them.
            async with long_transaction(empty_database, seconds=3) as ending:
                migrating = asyncio.gather(*(migrate(each) for each in databases))
                await ending
                assert await migrating == [WALL.head, WALL.head]
            before = load.statements
            await asyncio.sleep(0.5)
        assert load.failures == []
        assert load.statements > before
        assert await find_holes(databases[0]) == []
        async with databases[0].transaction() as connection:
            counted = await connection.execute(
                text("SELECT user_id, count(*) FROM tasks WHERE user_id LIKE 'user %' GROUP BY 1")
            )
            assert dict(map(tuple, counted)) == load.kept
    record_property(
        REPORTED,
        f"An upgrade of 100,000 tasks under load: none of {load.statements} transactions failed, "
        f"the longest took {load.longest:.2f} s; migrations waited {LOCK_TIMEOUT_MS} ms at most",
    )
