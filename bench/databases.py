"""A database for each system, in one cluster, with the same tasks and indexes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.tasks.models import tasks as tasks_of_taskward
from app.tasks.wall import WALL
from bench import rows

T = TypeVar("T")

_PREFIX = "bench_"  # the cluster already has a database named taskward

# Statements that undo an operation without moving rows, so that every round finds the same rows and
# task counts.
_RESET: dict[str, tuple[object, ...]] = {
    "create": ("DELETE FROM tasks WHERE created_at > $1", rows.LAST),
    "complete": ("UPDATE tasks SET completed = false, completed_at = NULL WHERE completed",),
}
_RESET_USERS = "UPDATE users SET task_count = $1 WHERE task_count <> $1"


class Databases:
    """The databases of a cluster. `server` is the URL of its first one."""

    def __init__(self, server: str) -> None:
        self._server = server

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        server = DatabaseUrl(self._server).for_sqlalchemy
        url = server.set(drivername="postgresql", database=_PREFIX + name)
        return url.render_as_string(hide_password=False)

    def on(self, name: str, action: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Run an action on a connection to a database; return its result."""
        return asyncio.run(_on(self.url(name), action))

    def value(self, sql: str) -> str:
        """Run a statement on the first database; return its first value as text."""
        found: object = asyncio.run(_on(self._server, lambda each: each.fetchval(sql)))
        return str(found)

    def megabytes(self, name: str) -> float:
        """Return the size of a database in MB."""
        return int(self.value(f"SELECT pg_database_size('{_PREFIX}{name}')")) / 1e6

    def make_empty(self, name: str) -> None:
        """Create Taskward's database with its own migrations, without rows."""
        self.value(f"CREATE DATABASE {_PREFIX}{name}")
        asyncio.run(_migrate(DatabaseUrl(self.url(name))))

    def make_for_taskward(self, name: str) -> None:
        """Create and fill Taskward's database."""
        self.make_empty(name)
        self.on(name, _fill_users)
        self.on(name, _fill_tasks)

    def make_for_peer(self, name: str) -> None:
        """Create and fill the database of a peer, with Taskward's table of tasks only."""
        self.value(f"CREATE DATABASE {_PREFIX}{name}")
        self.on(name, _make_table)
        self.on(name, _fill_tasks)

    def reset(self, name: str, operation: str) -> None:
        """Undo the changes of an operation to the rows."""

        async def undo(connection: asyncpg.Connection) -> None:
            await connection.execute(*_RESET[operation])
            if await connection.fetchval("SELECT to_regclass('users')"):
                await connection.execute(_RESET_USERS, rows.TASKS_OF_A_USER)
                await connection.execute("VACUUM ANALYZE users")
            await connection.execute("VACUUM ANALYZE tasks")

        self.on(name, undo)


async def _on(url: str, action: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    connection = await asyncpg.connect(url)
    try:
        return await action(connection)
    finally:
        await connection.close()


async def _migrate(url: DatabaseUrl) -> None:
    database = Database(url, pool_size=1, wall=WALL)
    await migrate(database)
    await database.close()


async def _make_table(connection: asyncpg.Connection) -> None:
    table = tasks_of_taskward.to_metadata(MetaData())
    table.constraints -= {c for c in table.constraints if isinstance(c, ForeignKeyConstraint)}
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    commands: list[ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, table.indexes)]
    for command in commands:
        await connection.execute(str(command.compile(dialect=dialect)))


async def _fill_users(connection: asyncpg.Connection) -> None:
    columns = ("id", "revision", "task_count")
    await connection.copy_records_to_table("users", records=rows.users(), columns=columns)
    await connection.execute("VACUUM ANALYZE users")


async def _fill_tasks(connection: asyncpg.Connection) -> None:
    await connection.copy_records_to_table("tasks", records=rows.tasks(), columns=rows.COLUMNS)
    await connection.execute("VACUUM ANALYZE tasks")
