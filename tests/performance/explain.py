"""A crowded database, and sessions that record the query plan of each statement."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import ClauseElement, text

from app.database.database import Database
from app.database.driver.sessions import Prepare
from app.database.driver.statements import bound, compiled
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.database.wall.layout import ONE_POSTGRESQL
from app.database.wall.policies import ROLE
from app.tasks.wall import WALL
from tests.support.empty_database import make_empty_database

# 1,000 users with 50 tasks each, and one with 50,000, so that a scan of a table shows.
FILL = """
INSERT INTO users (id, revision, task_count)
SELECT 'user ' || n, 50, 50 FROM generate_series(1, 1000) n UNION ALL SELECT 'many', 50000, 50000;

INSERT INTO tasks (user_id, id, title, revision, completed, completed_at, created_at, updated_at,
                   due_at, labels, priority, position)
SELECT u.id, gen_random_uuid(), 'task ' || n, n, n % 4 = 0, CASE WHEN n % 4 = 0 THEN now() END,
       now() - n * interval '1 second', now() - n::bigint * n % 1000 * interval '1 second',
       CASE WHEN n % 3 > 0 THEN now() + n::bigint * n % 1000 * interval '1 second' END,
       CASE WHEN n % 2 = 0 THEN ARRAY['even'] ELSE '{}' END, n % 4,
       CASE WHEN n % 5 > 0 THEN 'p' || n::bigint * n % 1000 END
FROM users u CROSS JOIN LATERAL generate_series(1, u.task_count) n;

INSERT INTO tombstones (user_id, id, revision, title, labels, priority, extra, created_at)
SELECT u.id, gen_random_uuid(), n + u.revision, CASE WHEN n % 2 = 0 THEN 'deleted ' || n END,
       '{}', 0, '{}', now()
FROM users u CROSS JOIN LATERAL generate_series(1, u.task_count) n;

UPDATE users SET revision = 2 * revision;

"""
# As autovacuum does: an index alone shows only rows that all transactions see.
VACUUM = ("users", "tasks", "tombstones", "erasures")
USERS = ["user 7", "many"]


@asynccontextmanager
async def crowded_database(server: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """Create a database of 100,000 tasks."""
    async with make_empty_database(server) as url:
        database = Database(url, pool_size=1, wall=WALL)
        await migrate(database)
        async with database.maintenance_connection() as connection, connection.begin():
            for statement in FILL.split(";"):
                await connection.execute(text(statement or "SELECT"))
            count = (await connection.execute(text("SELECT count(*) FROM tasks"))).scalar_one()
            assert count == 100_000
        login = await asyncpg.connect(**url.for_driver)
        for table in VACUUM:
            await login.execute(f"VACUUM ANALYZE {table}")
        await login.close()
        await database.close()
        yield url


class ExplainedSession:
    """A user's session, behind the second wall, that stores the plan of each statement."""

    def __init__(self, user_id: str, driver: asyncpg.Connection) -> None:
        self.user_id = user_id
        self._driver = driver
        self._nodes: list[dict[str, Any]] = []

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        sql, arguments = bound(compiled(statement, ONE_POSTGRESQL.dialect), self.user_id, values)
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
        savepoint = self._driver.transaction()
        await savepoint.start()
        (plan,) = json.loads(await self._driver.fetchval(explain, *arguments))
        await savepoint.rollback()
        self._nodes += _walk(plan["Plan"])
        return list(await self._driver.fetch(sql, *arguments))

    change = read

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        return await self.read(statement, **values, **prepare())

    def nodes(self) -> list[dict[str, Any]]:
        """Return all nodes of the plans since the last call."""
        nodes, self._nodes = self._nodes, []
        return nodes


@asynccontextmanager
async def explained_session(url: DatabaseUrl, user_id: str) -> AsyncIterator[ExplainedSession]:
    """Open a session whose changes are rolled back at the end."""
    dsn = url.for_sqlalchemy.set(drivername="postgresql").render_as_string(hide_password=False)
    driver = await asyncpg.connect(dsn, server_settings={"role": ROLE})
    transaction = driver.transaction()
    await transaction.start()
    yield ExplainedSession(user_id, driver)
    await transaction.rollback()
    await driver.close()


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _walk(child)
