"""The migration lock, with which one process migrates at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..database import Database

SECONDS_BETWEEN_REPORTS = 5

# Any number works, as long as every Taskward uses the same.
_LOCK = text("SELECT pg_try_advisory_xact_lock(7402271103)")
_LOCK_POLL_SECONDS = 0.1
# While an index is built, the transaction that holds the lock is idle. These settings keep
# PostgreSQL from ending it. Not every version has the second one.
_STAY = text("""
DO $$ BEGIN
    PERFORM set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout');
END $$
""")
# While an index is built, this is the only command there. It takes no snapshot: a build that begins
# during a command with a snapshot waits for the end of its transaction, and so for itself.
_IN_USE = text("SET LOCAL idle_in_transaction_session_timeout = 0")
logger = structlog.get_logger("app.migrate")


@asynccontextmanager
async def migration_lock(database: Database) -> AsyncIterator[AsyncConnection]:
    """Take the migration lock, and yield the connection that holds it.

    The lock belongs to a transaction, so it also works behind a pooler.

    A process that waits tries again and again. An index that is built concurrently would wait for a
    statement that waits for the lock.

    If the connection is lost, the lock is lost, and another process may take it. So each migration
    also locks the version table, and losing the lock at the end is no error.
    """
    began = reported = time.monotonic()
    is_done = False
    while True:
        try:
            async with database.transaction() as connection:
                if (await connection.execute(_LOCK)).scalar_one():
                    await connection.execute(_STAY)
                    yield connection
                    is_done = True
        except Exception:
            if not is_done:
                raise
        if is_done:
            return
        if time.monotonic() - reported > SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            seconds = round(reported - began)
            logger.info("migration waiting", reason="another one is running", seconds=seconds)
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def is_held(holder: AsyncConnection) -> bool:
    """Return whether the connection is open, and therefore holds the lock. This uses it."""
    try:
        await holder.execute(_IN_USE)
    except (DBAPIError, PendingRollbackError, OSError):
        return False
    return True
