"""Access to the database as the login, which migrates and maintains it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import NullPool
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncConnection

from ..lasting_event import LastingEvent
from .driver.engines import lift_timeouts, make_engine
from .driver.errors import translate_driver_errors
from .driver.housekeeping import Housekeeping, connected
from .driver.limits import limit_statements
from .driver.pool import TIMEOUT_SECONDS, TIMEOUTS
from .driver.url import DatabaseUrl
from .driver.watch import Watch, watching
from .wall.tables import Wall


class LoginAccess:
    """Opens one connection for the login on first use, and separate ones for long work."""

    def __init__(self, url: DatabaseUrl, wall: Wall, *, pooler: bool) -> None:
        self.wall = wall
        self._url = url
        self._pooler = pooler
        self._outage = LastingEvent(
            "app.database",
            "database unavailable",
            "database available again",
            until_success=True,
        )
        pool = {"pool_size": 1, "max_overflow": 0, "pool_timeout": TIMEOUT_SECONDS}
        # The server may have closed this rarely used connection, so it is pinged before use.
        self.engine = make_engine(url, pooler, TIMEOUTS, {}, **pool, pool_pre_ping=True)
        listen(self.engine.sync_engine, "begin", limit_statements)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Run a transaction as the login: leaving commits, raising rolls back."""
        with translate_driver_errors(self._outage):
            async with self.engine.begin() as connection:
                yield connection
            self._outage.succeeded()

    @asynccontextmanager
    async def maintenance_connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a separate connection for the login, whose statements have no time limit.

        A transaction on it waits at most `LOCK_TIMEOUT_MS` for a lock, because other transactions
        queue behind a waiting one.
        """
        # A provider can limit the statements of a role. A pooler rejects the setting that lifts the
        # limit. Behind a pooler only transactions lift it, and it still applies to an index that is
        # built concurrently, outside of a transaction.
        settings = {} if self._pooler else {"statement_timeout": "0"}
        timeouts = {"timeout": TIMEOUT_SECONDS}
        engine = make_engine(self._url, self._pooler, timeouts, settings, poolclass=NullPool)
        listen(engine.sync_engine, "begin", lift_timeouts)
        with translate_driver_errors(self._outage):
            async with engine.connect() as connection:
                yield connection

    def watch(self) -> AbstractAsyncContextManager[Watch]:
        """Open a separate connection for signals between processes, and close it at the end."""
        return watching(self._url, self.wall, self._outage)

    @asynccontextmanager
    async def housekeeping(self, lock: int) -> AsyncIterator[Housekeeping]:
        """Open a separate connection for background work, and close it at the end.

        Processes that use the same `lock` number work one at a time.
        """
        async with connected(self._url, self.wall, lock, self._outage) as house:
            yield house
