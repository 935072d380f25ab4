"""Brings the schema to this version while the version before serves, and tells whether it is there.

Each migration is a transaction of its own, and gives up on a lock soon: whoever waits for a lock on
a table is waited for by all who come after, even if what they want would not clash.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError
from app.database.migrations import version
from app.database.migrations.lock import SECONDS_BETWEEN_REPORTS, is_held, migration_lock
from app.database.migrations.ownership import (
    ForeignDatabaseError,
    adoptable_revision,
    check_number,
    require_own,
)
from app.database.migrations.version import MIGRATIONS, is_at_head, revision
from app.database.wall import citus
from app.database.wall.grants import close_to_others, pass_on_readers
from app.database.wall.role import ensure_roles

SECONDS_BETWEEN_ATTEMPTS = 2
ATTEMPTS = 150
SECONDS_BETWEEN_SIGNS = 1
"""How often the connection that holds the lock is used: a proxy may close an idle one."""
LOSSES = 10
"""How often `migrate` starts over after the lock was lost."""

_BACKEND = text("SELECT pg_backend_pid()")
# The transactions of others that are older than this, the oldest first.
_OLDEST = text("""
SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start < clock_timestamp() - interval '2 seconds'
  AND pid NOT IN (pg_backend_pid(), :backend)
ORDER BY xact_start LIMIT 3
""")

_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"

logger = structlog.get_logger("app.migrate")


class MigrationBlockedError(Exception):
    """Other transactions hold what a migration needs, and do not end."""


class _RaceError(Exception):
    """Another process made the same migration, because one of the two had lost the lock."""


async def migrate(database: Database) -> str:
    """Bring the schema to head, and return its revision; safe to run twice at once.

    One that is newer, and so of a later version, is left as it is. What was interrupted goes on
    where it was when this is run again. Raises `ForeignDatabaseError` where the schema has tables
    that are not Taskward's, `RoleRefusedError` where an administrator has to make the role first,
    and `MigrationBlockedError`.
    """
    for _ in range(LOSSES):
        async with migration_lock(database) as holder:
            try:
                return await _migrate(database, holder)
            except Exception:
                if await is_held(holder):
                    raise
        logger.warning("migration restarted", reason="the connection with the lock was lost")
    raise DatabaseUnavailableError("the connection with the migration lock was lost repeatedly")


async def _migrate(database: Database, holder: AsyncConnection) -> str:
    async with database.unhurried() as connection:
        async with connection.begin():
            found, adopted = await _checked(connection)
            await ensure_roles(connection)
            if not found:
                await _create_version(connection, adopted)
            await connection.run_sync(close_to_others)
        async with _reporting(holder, connection):
            while True:
                async with connection.begin():
                    found, _ = await _checked(connection)
                if is_at_head(found):
                    return found
                await _patiently(connection, lambda: connection.run_sync(_step))


async def distribute(database: Database) -> None:
    """Distribute the tables over the machines of Citus; safe to run twice.

    It copies all rows, and nobody can write them meanwhile. Processes that serve must be started
    anew. Raises `MigrationBlockedError`.
    """
    async with migration_lock(database), database.unhurried() as connection:

        async def run() -> None:
            async with connection.begin():
                await citus.distribute(connection)

        await _patiently(connection, run)


async def is_current(database: Database) -> bool:
    """Tell whether the database has the schema of this version, or of a later one.

    While a later version is rolled out, this one goes on serving on the schema of that. Raises
    `ForeignDatabaseError` where the schema has tables that are not Taskward's.
    """
    async with database.transaction() as connection:
        found, _ = await _checked(connection)
        return is_at_head(found)


async def _checked(connection: AsyncConnection) -> tuple[str, str]:
    """Return the revision, or else the one to adopt, once the tables are known to be Taskward's."""
    while True:
        found = await revision(connection)
        check_number(found)
        try:
            adopted = "" if found else await adoptable_revision(connection)
            if found <= version.head():
                await require_own(connection, found or adopted)
        except ForeignDatabaseError:
            if await revision(connection) == found:
                raise  # else a migration has ended between the two statements
        else:
            return found, adopted


async def _create_version(connection: AsyncConnection, adopted: str) -> None:
    """Create the version table, with the revision of a version up to 0.2 if there is one.

    Servers of those versions go on reading their own table, which stays as it is.
    """
    await version.create_table(connection)
    if adopted:
        await version.write(connection, adopted)
        await pass_on_readers(connection)
        await connection.run_sync(close_to_others, version.RELEASED_TABLE)


@asynccontextmanager
async def _reporting(holder: AsyncConnection, connection: AsyncConnection) -> AsyncIterator[None]:
    """Log every few seconds that a migration runs, and which transactions it may wait for.

    The connection that holds the lock has nothing else to do.
    """
    async with connection.begin():
        backend = (await connection.execute(_BACKEND)).scalar_one()
    ended = asyncio.Event()
    reporting = asyncio.create_task(_report(holder, backend, ended))
    try:
        yield
    finally:
        # Not cancelled: that would break the connection, and with it the lock.
        ended.set()
        await reporting


async def _report(holder: AsyncConnection, backend: int, ended: asyncio.Event) -> None:
    began = reported = time.monotonic()
    while await is_held(holder):
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_BETWEEN_SIGNS):
                await ended.wait()
                return
        if time.monotonic() - reported < SECONDS_BETWEEN_REPORTS:
            continue
        reported = time.monotonic()
        try:
            others = (await holder.execute(_OLDEST, {"backend": backend})).all()
        except DBAPIError:
            return  # the migration itself says what is wrong
        oldest = {f"pid {other.pid}": f"{other.seconds} s" for other in others}
        logger.info(
            "migration running",
            seconds=round(reported - began),
            waits_for_transactions=oldest or None,
        )


async def _patiently(connection: AsyncConnection, step: Callable[[], Awaitable[None]]) -> None:
    """Take a step, again and again until it gets its locks."""
    for _ in range(ATTEMPTS):
        try:
            await step()
        except DBAPIError as error:
            await connection.rollback()
            if getattr(error.orig, "sqlstate", None) not in {_LOCK_NOT_AVAILABLE, _DEADLOCK}:
                raise
        except _RaceError:
            await connection.rollback()
        except PendingRollbackError as error:
            # What Alembic says when it tidies up on a connection that is gone.
            raise DatabaseUnavailableError("the connection was lost") from error.__context__
        else:
            await connection.commit()
            return
        # Not in step with what it collided with.
        await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS * random.uniform(0.5, 1.5))  # noqa: S311
    raise MigrationBlockedError(
        "other transactions hold locks that the next migration needs (see pg_stat_activity). "
        "The migration was not applied. End these transactions, and run it again."
    )


def _step(connection: Connection) -> None:
    # A server whose schema is up to date need not hold it in memory.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "+1")
    except CommandError as error:
        raise _RaceError from error
