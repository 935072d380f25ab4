"""Housekeeping: background work in small transactions, on a connection that no request uses."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import BigInteger, bindparam, func, select

from ...lasting_event import LastingEvent
from ..wall.citus import layout_of
from ..wall.layout import Layout
from ..wall.policies import ROLE
from ..wall.tables import Wall
from .errors import is_lost, is_read_only, translate_driver_errors
from .pool import CLOSE_SECONDS, TIMEOUTS
from .sessions import UserTransaction
from .url import DatabaseUrl

SECONDS_OF_A_PORTION = 0.1
"""Target duration of a portion: a request may wait that long for a row that is being deleted."""
MOST_ROWS = 1000

_TAKE_LOCK = select(func.pg_try_advisory_xact_lock(bindparam("number", type_=BigInteger)))


class LeftError(Exception):
    """A transaction failed on its rows; another one can succeed on other rows."""


class BusyError(Exception):
    """Another process is doing the same work."""


class Housekeeping:
    """A separate connection. Each transaction on it takes the lock of this kind of work, or fails.

    So one process at a time does the work, and none holds the lock for longer than a portion.
    """

    def __init__(self, connection: asyncpg.Connection, lock: int, layout: Layout) -> None:
        self._connection = connection
        self._lock = lock
        self._layout = layout

    @asynccontextmanager
    async def transaction(
        self, role: str = ROLE, user_id: str | None = None
    ) -> AsyncIterator[UserTransaction]:
        """Run a transaction as a role: leaving commits, raising rolls back.

        Raises `BusyError`, and `LeftError` if PostgreSQL rejects a statement: a lock is held, a
        time limit has passed, or a trigger raised. After both, the connection can be used again.
        """
        transaction = UserTransaction(user_id or "", self._connection, self._layout)
        await self._connection.execute(self._layout.begin_housekeeping(role, user_id))
        try:
            await self._take_lock(transaction)
            yield transaction
            await transaction.commit()
        except BusyError:
            await self._connection.execute("ROLLBACK")
            raise
        except asyncpg.PostgresError as error:
            if is_lost(error) or is_read_only(error):
                raise
            await self._connection.execute("ROLLBACK")
            # The message of PostgreSQL is left out: it can quote what a user has written.
            raise LeftError(type(error).__name__) from None

    async def _take_lock(self, transaction: UserTransaction) -> None:
        if not (await transaction.read(_TAKE_LOCK, number=self._lock))[0][0]:
            raise BusyError


async def in_portions(delete: Callable[[int], Awaitable[int]]) -> int:
    """Call `delete` with a number of rows until it deletes fewer; return how many rows it deleted.

    The number adapts, so that a portion takes about `SECONDS_OF_A_PORTION`, whatever the rows are.
    Each portion is followed by a pause of the same length, which leaves the database to requests.
    Raises what `delete` raises; a `LeftError` only if it fails on a single row.
    """
    rows, total = 10, 0
    while True:
        began = time.monotonic()
        try:
            deleted = await delete(rows)
        except LeftError:
            if rows == 1:
                raise
            rows = max(rows // 10, 1)
            continue
        total += deleted
        if deleted < rows:
            return total
        seconds = time.monotonic() - began
        if seconds > 2 * SECONDS_OF_A_PORTION:
            rows = max(rows // 2, 1)
        elif seconds < SECONDS_OF_A_PORTION:
            rows = min(rows * 2, MOST_ROWS)
        await asyncio.sleep(seconds)


@asynccontextmanager
async def connected(
    url: DatabaseUrl, wall: Wall, lock: int, outage: LastingEvent
) -> AsyncIterator[Housekeeping]:
    """Open a connection for housekeeping. Raises `DatabaseUnavailableError` once it is lost."""
    with translate_driver_errors(outage):
        # Without prepared statements, the same connection works behind a pooler.
        arguments = {**TIMEOUTS, **url.for_driver, "statement_cache_size": 0}
        connection = await asyncpg.connect(**arguments)
        try:
            yield Housekeeping(connection, lock, await layout_of(connection.fetchval, wall))
        finally:
            await connection.close(timeout=CLOSE_SECONDS)
