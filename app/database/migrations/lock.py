"""The lock of migrations: of many processes, one migrates at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database

SECONDS_BETWEEN_REPORTS = 5

# Any number will do, as long as every Taskward takes the same.
_LOCK = text("SELECT pg_try_advisory_xact_lock(7402271103)")
_LOCK_POLL_SECONDS = 0.1
# While an index is built, the transaction that holds the lock has nothing to do. Not every version
# has the second setting. It is the last command there: what a SELECT has seen stays reserved for
# its cursor until the next command, and the index would wait for that.
_STAY = text("""
DO $$ BEGIN
    PERFORM set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout');
END $$
""")
logger = structlog.get_logger("app.migrate")


@asynccontextmanager
async def migration_lock(database: Database) -> AsyncIterator[AsyncConnection]:
    """Hold the lock of migrations, and yield the connection that holds it.

    The lock is a transaction's, and so passes a pooler.

    A process that waits asks again and again: a statement that waits would itself be waited for by
    an index that is built concurrently.

    Where the lock is lost, with its connection, another process may take it. So each migration
    locks the version table, too, and the end of a lost lock is no error.
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
    """Return whether the connection is open, and so holds the lock."""
    try:
        await holder.execute(_STAY)
    except (DBAPIError, PendingRollbackError, OSError):
        return False
    return True
