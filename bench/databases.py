"""A database for each system, in one cluster, with the same tasks and indexes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import asyncpg
from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.migrate import migrate
from app.tasks.models import tasks as tasks_of_taskward
from app.tasks.wall import WALL
from bench import rows

T = TypeVar("T")

_PREFIX = "bench_"  # the cluster already has a database named taskward
_TEMPLATE = "peers"

# Statements that undo an operation without moving rows, so that every round finds the same rows and
# task counts.
_RESET = {
    "create": "DELETE FROM tasks WHERE created_at > $1",
    "complete": "UPDATE tasks SET completed = false, completed_at = NULL WHERE completed",
}
_REMARK = """
SELECT shobj_description(oid, 'pg_database') IS NOT NULL FROM pg_database WHERE datname = $1
"""
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

    def make_for_taskward(self, name: str) -> None:
        """Create and fill Taskward's database."""
        self.make_empty(name)
        self.on(name, _fill_users)
        self.on(name, _fill_tasks)

    def make_once(self, name: str, fill: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        """Create and fill Taskward's database, unless an earlier run has done so."""

        async def is_filled(connection: asyncpg.Connection) -> bool:
            return bool(await connection.fetchval(_REMARK, _PREFIX + name))

        async def remark(connection: asyncpg.Connection) -> None:
            await connection.execute(f"COMMENT ON DATABASE {_PREFIX}{name} IS 'filled'")

        if not _on(self._server, is_filled):
            self.make_empty(name)
            self.on(name, fill)
            _on(self._server, remark)

    def make_empty(self, name: str) -> None:
        """Create Taskward's database with its own migrations, without rows."""
        self._create(name)

        async def run() -> None:
            database = Database(DatabaseUrl(self.url(name)), pool_size=1, wall=WALL)
            await migrate(database)
            await database.close()

        asyncio.run(run())

    def on(self, name: str, action: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Run an action on a connection to a database; return its result."""
        return _on(self.url(name), action)

    def make_for_peers(self, names: Iterable[str]) -> None:
        """Create the databases of the peers, with Taskward's table of tasks only."""
        self._create(_TEMPLATE)
        _on(self.url(_TEMPLATE), _make_table)
        _on(self.url(_TEMPLATE), _fill_tasks)
        for name in names:
            self._create(name, f"TEMPLATE {_PREFIX}{_TEMPLATE}")

    def reset(self, name: str, operation: str) -> None:
        """Undo the changes of an operation to the rows."""

        async def run(connection: asyncpg.Connection) -> None:
            arguments = [rows.LAST] if operation == "create" else []
            await connection.execute(_RESET[operation], *arguments)
            if await connection.fetchval("SELECT to_regclass('users')"):
                await connection.execute(_RESET_USERS, rows.TASKS_OF_A_USER)
            await _settle(connection)

        _on(self.url(name), run)

    def version(self) -> str:
        """Return the version of PostgreSQL."""
        return self.setting("server_version")

    def setting(self, name: str) -> str:
        """Return the value of a setting of PostgreSQL."""

        async def run(connection: asyncpg.Connection) -> str:
            return str(await connection.fetchval("SELECT current_setting($1)", name))

        return _on(self._server, run)

    def set_shared_buffers(self, size: str | None) -> None:
        """Set `shared_buffers` from the next start on; None for PostgreSQL's own default."""
        value = f"'{size}'" if size else "DEFAULT"

        async def run(connection: asyncpg.Connection) -> None:
            await connection.execute(f"ALTER SYSTEM SET shared_buffers = {value}")

        _on(self._server, run)

    def megabytes(self, name: str) -> float:
        """Return the size of a database in MB."""

        async def run(connection: asyncpg.Connection) -> float:
            size = await connection.fetchval("SELECT pg_database_size(current_database())")
            return float(size) / 1e6

        return self.on(name, run)

    def _create(self, name: str, options: str = "") -> None:
        async def run(connection: asyncpg.Connection) -> None:
            await connection.execute(f"CREATE DATABASE {_PREFIX}{name} {options}")

        _on(self._server, run)


def _on(url: str, action: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        connection = await asyncpg.connect(url)
        try:
            return await action(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


async def _make_table(connection: asyncpg.Connection) -> None:
    table = tasks_of_taskward.to_metadata(MetaData())
    table.constraints -= {c for c in table.constraints if isinstance(c, ForeignKeyConstraint)}
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    await connection.execute(str(CreateTable(table).compile(dialect=dialect)))
    for index in table.indexes:
        await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))


async def _fill_users(connection: asyncpg.Connection) -> None:
    columns = ("id", "revision", "task_count")
    await connection.copy_records_to_table("users", records=rows.users(), columns=columns)


async def _fill_tasks(connection: asyncpg.Connection) -> None:
    await connection.copy_records_to_table("tasks", records=rows.tasks(), columns=rows.COLUMNS)
    await _settle(connection)


async def _settle(connection: asyncpg.Connection) -> None:
    await connection.execute("VACUUM ANALYZE tasks")
    if await connection.fetchval("SELECT to_regclass('users')"):
        await connection.execute("VACUUM ANALYZE users")
