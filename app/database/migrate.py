"""Brings the schema to this version while the version before serves, and tells whether it is there.

Each migration is a transaction of its own, and gives up on a lock soon: whoever waits for a lock on
a table is waited for by all who come after, even if what they want would not clash.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import citus
from app.database.database import Database
from app.database.errors import DatabaseUnavailableError
from app.database.role import ensure_roles

_MIGRATIONS = Path(__file__).with_name("migrations")

SECONDS_BETWEEN_ATTEMPTS = 2
ATTEMPTS = 150

# Any number will do, as long as every Taskward takes the same.
_LOCK = text("SELECT pg_try_advisory_xact_lock(7402271103)")
_LOCK_POLL_SECONDS = 0.1
# While an index is built, the transaction that holds the lock has nothing to do.
_STAY = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_HAS_VERSION = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSION = text("SELECT version_num FROM alembic_version")

_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"


class MigrationBlockedError(Exception):
    """Other transactions hold what a migration needs, and do not end."""


async def migrate(database: Database) -> str:
    """Bring the schema to head, and answer its revision; safe to run twice at once.

    One that is newer, and so of a later version, is left as it is. What was interrupted goes on
    where it was when this is run again. Raises `RoleRefusedError` where an administrator has to
    make the role first, and `MigrationBlockedError`.
    """
    async with _alone(database), database.unhurried() as connection:
        async with connection.begin():
            await ensure_roles(connection)
        while True:
            async with connection.begin():
                found = await revision(connection)
            if found >= head():
                return found
            await _patiently(connection, lambda: connection.run_sync(_step))


async def distribute(database: Database) -> None:
    """Distribute the tables over the machines of Citus; safe to run twice.

    It copies all rows, and nobody can write them meanwhile. Processes that serve must be started
    anew. Raises `MigrationBlockedError`.
    """
    async with _alone(database), database.unhurried() as connection:

        async def run() -> None:
            async with connection.begin():
                await citus.distribute(connection)

        await _patiently(connection, run)


async def is_current(database: Database) -> bool:
    """Tell whether the database has the schema of this version, or of a later one.

    While a later version is rolled out, this one goes on serving on the schema of that.
    """
    async with database.transaction() as connection:
        return await revision(connection) >= head()


@cache
def head() -> str:
    """The revision of the schema that this version works on: that of the last migration."""
    names = [path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")]
    return max(names).partition("_")[0]


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """Hold the lock of migrations. It is a transaction's, and so passes a pooler.

    Whoever waits asks again and again: a statement that waits would itself be waited for by an
    index that is built concurrently.
    """
    while True:
        async with database.transaction() as connection:
            if (await connection.execute(_LOCK)).scalar_one():
                await connection.execute(_STAY)
                yield
                return
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def revision(connection: AsyncConnection) -> str:
    """The revision of the schema, all of which are numbers of four digits; empty without one."""
    if not (await connection.execute(_HAS_VERSION)).scalar_one():
        return ""
    version: str | None = (await connection.execute(_VERSION)).scalar_one_or_none()
    return version or ""


async def _patiently(connection: AsyncConnection, step: Callable[[], Awaitable[None]]) -> None:
    """Take a step, again and again until it gets its locks."""
    for _ in range(ATTEMPTS):
        try:
            await step()
        except DBAPIError as error:
            await connection.rollback()
            if getattr(error.orig, "sqlstate", None) not in {_LOCK_NOT_AVAILABLE, _DEADLOCK}:
                raise
            # Not in step with what it collided with.
            await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS * random.uniform(0.5, 1.5))  # noqa: S311
        except PendingRollbackError as error:
            # What Alembic says when it tidies up on a connection that is gone.
            raise DatabaseUnavailableError("the connection was lost") from error.__context__
        else:
            await connection.commit()
            return
    raise MigrationBlockedError(
        "transactions of others hold what the next migration needs, and do not end (see "
        "pg_stat_activity); nothing of it was done: end them, and run it again"
    )


def _step(connection: Connection) -> None:
    # A server whose schema is up to date need not hold it in memory.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "+1")
