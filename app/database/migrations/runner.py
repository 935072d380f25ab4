"""Migrations of the schema while the previous version serves, and the check that they are complete.

Each migration is a separate transaction and waits for a lock only briefly: while it waits for a
lock on a table, later statements queue behind it, even if they do not conflict with each other.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..database import Database
from ..driver.errors import DatabaseUnavailableError
from ..wall.citus import CITUS
from ..wall.grants import close_to_others, pass_on_readers
from ..wall.role import ensure_roles
from ..wall.tables import Wall
from . import version
from .migration_lock import is_held, migration_lock
from .ownership import (
    ForeignDatabaseError,
    adoptable_revision,
    check_number,
    require_own,
)
from .reporting import reporting
from .version import is_at_head, revision

SECONDS_BETWEEN_ATTEMPTS = 2
ATTEMPTS = 150
LOSSES = 10
"""How often `migrate` restarts after it has lost the lock."""

_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"

logger = structlog.get_logger("app.migrate")


class MigrationBlockedError(Exception):
    """Other transactions hold locks that a migration needs, and do not end."""


class _RaceError(Exception):
    """Another process applied the same migration, because one of the two had lost the lock."""


async def migrate(database: Database) -> str:
    """Migrate the schema to head and return its revision; safe to run twice at once.

    The schema of a later version stays as it is. After an interruption, the next run continues.
    Raises `ForeignDatabaseError` if the schema has tables that are not Taskward's,
    `RoleRefusedError` if an administrator has to create the role first, and
    `MigrationBlockedError`.
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
    wall = database.wall
    async with database.maintenance_connection() as connection:
        async with connection.begin():
            found, adopted = await _checked(connection, wall)
            await ensure_roles(connection)
            if not found:
                await _create_version(connection, wall, adopted)
            await connection.run_sync(close_to_others, wall)
        async with reporting(database, holder, connection):
            while True:
                async with connection.begin():
                    found, _ = await _checked(connection, wall)
                if is_at_head(found, wall):
                    return found
                await _retry_on_lock_timeout(connection, lambda: connection.run_sync(_step, wall))


async def distribute(database: Database) -> None:
    """Distribute the tables over the machines of Citus; safe to run twice.

    It copies all rows and blocks writes until it ends. Restart all serving processes afterwards.
    Raises `MigrationBlockedError`.
    """
    async with migration_lock(database), database.maintenance_connection() as connection:

        async def run() -> None:
            async with connection.begin():
                await CITUS.distribute(connection, database.wall)

        await _retry_on_lock_timeout(connection, run)


async def is_current(database: Database) -> bool:
    """Return whether the database has the schema of this version, or of a later one.

    During the rollout of a later version, this one continues to serve on that version's schema.
    Raises `ForeignDatabaseError` if the schema has tables that are not Taskward's.
    """
    async with database.transaction() as connection:
        found, _ = await _checked(connection, database.wall)
        return is_at_head(found, database.wall)


async def _checked(connection: AsyncConnection, wall: Wall) -> tuple[str, str]:
    """Return `(revision, revision to adopt)`; check that the tables are Taskward's.

    At most one of the two is not empty. Raises `ForeignDatabaseError`.
    """
    while True:
        found = await revision(connection)
        check_number(found)
        try:
            adopted = "" if found else await adoptable_revision(connection, wall)
            if found <= wall.head:
                await require_own(connection, wall, found or adopted)
        except ForeignDatabaseError:
            if await revision(connection) == found:
                raise  # otherwise a migration committed between the two statements
        else:
            return found, adopted


async def _create_version(connection: AsyncConnection, wall: Wall, adopted: str) -> None:
    """Create the version table, with the revision of a version up to 0.2 if there is one.

    Servers of those versions continue to read their own table, which stays as it is.
    """
    await version.create_table(connection)
    if adopted:
        await version.write(connection, adopted)
        await pass_on_readers(connection)
        await connection.run_sync(close_to_others, wall, version.RELEASED_TABLE)


async def _retry_on_lock_timeout(
    connection: AsyncConnection, step: Callable[[], Awaitable[None]]
) -> None:
    """Run a step, and retry it until it gets its locks. Raises `MigrationBlockedError`."""
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
            # Alembic raises it while it cleans up on a lost connection.
            raise DatabaseUnavailableError("the connection was lost") from error.__context__
        else:
            await connection.commit()
            return
        # A random pause, so that it does not run in step with what it conflicted with.
        await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS * random.uniform(0.5, 1.5))  # noqa: S311
    raise MigrationBlockedError(
        "other transactions hold locks that the next migration needs (see pg_stat_activity). "
        "The migration was not applied. End these transactions, and run it again."
    )


def _step(connection: Connection, wall: Wall) -> None:
    # Optional dependency: a server whose schema is up to date does not load it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    from .environment import run_migrations  # noqa: PLC0415
    from .indexes import create_index  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(wall.migrations).replace("%", "%%"))
    config.attributes.update(
        connection=connection, wall=wall, run_migrations=run_migrations, create_index=create_index
    )
    try:
        command.upgrade(config, "+1")
    except CommandError as error:
        raise _RaceError from error
