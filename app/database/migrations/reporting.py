"""Log lines while a migration runs, and signs of life on the connection that holds its lock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..database import Database
from ..driver.errors import DatabaseUnavailableError
from .migration_lock import SECONDS_BETWEEN_REPORTS, is_held

SECONDS_BETWEEN_SIGNS = 1
"""Seconds between two uses of the connection that holds the lock: a proxy may close an idle one."""
_BACKEND = text("SELECT pg_backend_pid()")
# Other transactions that are older than this, oldest first.
_OLDEST = text("""
SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start < clock_timestamp() - interval '2 seconds'
  AND pid <> ALL(:own)
ORDER BY xact_start LIMIT 3
""")

logger = structlog.get_logger("app.migrate")


@asynccontextmanager
async def reporting(
    database: Database, holder: AsyncConnection, connection: AsyncConnection
) -> AsyncIterator[None]:
    """Log every few seconds that a migration runs, and which transactions it may wait for.

    It also uses the connection that holds the lock, which is idle otherwise.
    """
    async with connection.begin():
        own = [(await each.execute(_BACKEND)).scalar_one() for each in (holder, connection)]
    held = await is_held(holder)  # before an index is built: it ends the snapshot of that command
    ended = asyncio.Event()
    report = asyncio.create_task(_report(database, holder, own, ended, held=held))
    try:
        yield
    finally:
        # Do not cancel the task: that would break the connection, and the lock would be lost.
        ended.set()
        await report


async def _report(
    database: Database,
    holder: AsyncConnection,
    own: list[int],
    ended: asyncio.Event,
    *,
    held: bool,
) -> None:
    began = reported = time.monotonic()
    while held:
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_BETWEEN_SIGNS):
                await ended.wait()
                return
        held = await is_held(holder)
        if time.monotonic() - reported < SECONDS_BETWEEN_REPORTS:
            continue
        reported = time.monotonic()
        logger.info(
            "migration running",
            seconds=round(reported - began),
            waits_for_transactions=await _oldest(database, own) or None,
        )


async def _oldest(database: Database, own: list[int]) -> dict[str, str]:
    """Return the ages of the oldest transactions, except for our own."""
    try:
        async with database.maintenance_connection() as connection, connection.begin():
            others = (await connection.execute(_OLDEST, {"own": own})).all()
    except DatabaseUnavailableError:
        return {}  # the migration itself raises the error
    return {f"pid {other.pid}": f"{other.seconds} s" for other in others}
