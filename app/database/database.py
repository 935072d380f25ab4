"""The database, as the login sees it and as one user does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import asyncpg
from sqlalchemy import ClauseElement, NullPool
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.driver.conflicts import again_after_conflicts
from app.database.driver.engines import be_unhurried, make_engine
from app.database.driver.errors import (
    CONFLICT,
    DatabaseUnavailableError,
    SearchTimeoutError,
    telling_what_passes,
)
from app.database.driver.housekeeping import Housekeeping, connected
from app.database.driver.limits import SEARCH_MS, limit_statements
from app.database.driver.link import Link
from app.database.driver.outages import Outage
from app.database.driver.pool import TIMEOUT_SECONDS, TIMEOUTS, PoolUsage, Traits, UserPool
from app.database.driver.sessions import Prepare, SingleStatements, UserSession, UserTransaction
from app.database.driver.shares import ShareUsage, UserShares, admit_all
from app.database.driver.statements import bound, compiled
from app.database.driver.url import DatabaseUrl
from app.database.wall import policies as wall

T = TypeVar("T")


class Database:
    """Connects when it is first used: `pool_size` times at most for users, and once for itself.

    Whatever waits longer than `TIMEOUT_SECONDS`, or passes by itself, raises
    `DatabaseUnavailableError`.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        pool_size: int,
        *,
        pooler: bool = False,
        connection_class: type[Link] = Link,
        admit: Callable[[str], None] = admit_all,
    ) -> None:
        self._url = url
        self._pooler = pooler
        self._outage = Outage("database")
        self._users = UserPool(url, pool_size, pooler=pooler, connection_class=connection_class)
        self._shares = UserShares(pool_size, admit)
        pool = {"pool_size": 1, "max_overflow": 0, "pool_timeout": TIMEOUT_SECONDS}
        # It is used rarely, and the database may end it meanwhile.
        self.engine = make_engine(url, pooler, TIMEOUTS, {}, **pool, pool_pre_ping=True)
        listen(self.engine.sync_engine, "begin", limit_statements)

    @property
    def usage(self) -> PoolUsage:
        """How many of the connections for users are in use."""
        return self._users.usage

    @property
    def share_usage(self) -> ShareUsage:
        """How many requests wait for a share of their user, and how many search."""
        return self._shares.usage

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of the login itself: leaving commits, raising rolls back."""
        with telling_what_passes(self._outage):
            async with self.engine.begin() as connection:
                yield connection
            self._outage.succeeded()

    @asynccontextmanager
    async def unhurried(self) -> AsyncIterator[AsyncConnection]:
        """A connection of its own for the login, on which a statement may take any time.

        Within a transaction it does not wait for a lock for longer than `LOCK_TIMEOUT_MS`: others
        would wait behind it.
        """
        # A provider can limit the statements of a role. A pooler takes no such setting: behind it
        # that limit is lifted in transactions alone, and stays for an index that is built.
        settings = {} if self._pooler else {"statement_timeout": "0"}
        timeouts = {"timeout": TIMEOUT_SECONDS}
        engine = make_engine(self._url, self._pooler, timeouts, settings, poolclass=NullPool)
        listen(engine.sync_engine, "begin", be_unhurried)
        with telling_what_passes(self._outage):
            async with engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def housekeeping(self, lock: int) -> AsyncIterator[Housekeeping]:
        """A connection of its own for work in the background, closed at the end.

        Of many processes, those with the same `lock` work one at a time.
        """
        async with connected(self._url, lock, self._outage) as house:
            yield house

    def session(self, user_id: str) -> UserSession:
        """What single statements of a user run in."""
        return SingleStatements(user_id, self._run, self._search)

    def user_transaction(
        self, user_id: str, *, locking: bool = False
    ) -> AbstractAsyncContextManager[UserTransaction]:
        """A transaction to which there are no rows but those of one user.

        Leaving commits, raising rolls back. With `locking`, no other transaction changes what
        the user has until then. After `TIMEOUT_SECONDS` it is rolled back.
        """
        return self._transaction(self._shares.share(user_id), user_id, locking=locking)

    async def in_transaction(
        self,
        user_id: str,
        work: Callable[[UserTransaction], Awaitable[T]],
        *,
        locking: bool = False,
    ) -> T:
        """Do `work` in a transaction of a user; anew, where a conflict has undone it."""

        async def once() -> T:
            async with self.user_transaction(user_id, locking=locking) as transaction:
                return await work(transaction)

        return await again_after_conflicts(once)

    async def close(self) -> None:
        """Close all connections."""
        try:
            await self._users.close()
        finally:
            await self.engine.dispose()

    @asynccontextmanager
    async def _transaction(
        self,
        share: AbstractAsyncContextManager[None],
        user_id: str,
        *,
        locking: bool = False,
        limit_ms: int | None = None,
    ) -> AsyncIterator[UserTransaction]:
        with telling_what_passes(self._outage):
            async with share:
                traits = await self._traits()
                prelude = wall.prelude(
                    user_id,
                    locking=locking,
                    distributed=traits.is_distributed,
                    settings=self._local_settings(traits, limit_ms),
                )
                connection = await self._begin(prelude)
                transaction = UserTransaction(
                    user_id, connection, distributed=traits.is_distributed
                )
                try:
                    async with asyncio.timeout(TIMEOUT_SECONDS):
                        yield transaction
                    # Not under the deadline: of a COMMIT that is cancelled, the outcome is unknown.
                    await transaction.commit()
                except BaseException as error:
                    await self._users.take_back(connection, error)
                    raise
                self._users.give_back(connection)
        self._outage.succeeded()

    def _local_settings(self, traits: Traits, limit_ms: int | None) -> Mapping[str, object]:
        """Return the settings that a connection, or a machine of Citus behind it, does not have."""
        limit = min(limit_ms or traits.limit_ms, traits.limit_ms)
        if self._pooler or traits.is_distributed:
            return {"statement_timeout": limit, **wall.LOCAL_SETTINGS}
        return {"statement_timeout": limit} if limit_ms else {}

    async def _traits(self) -> Traits:
        return self._users.traits or await self._users.ask_traits()

    async def _begin(self, prelude: str) -> asyncpg.Connection:
        try:
            connection, _ = await self._users.begin(
                lambda driver: driver.execute(prelude), repeatable=True
            )
        except CONFLICT:
            raise
        except asyncpg.PostgresError as error:
            # Such as that the role may not be taken on any more; readiness says which.
            raise DatabaseUnavailableError(str(error)) from error
        return connection

    async def _run(
        self,
        user_id: str,
        statement: ClauseElement,
        values: Mapping[str, object],
        *,
        repeatable: bool,
    ) -> list[asyncpg.Record]:
        traits = self._users.traits
        if traits is None:
            with telling_what_passes(self._outage):
                traits = await self._traits()
        if self._pooler or traits.is_distributed:
            return await self.in_transaction(user_id, lambda each: each.read(statement, **values))
        sql, arguments = bound(compiled(statement), user_id, values)

        async def once() -> list[asyncpg.Record]:
            with telling_what_passes(self._outage):
                async with self._shares.share(user_id):
                    rows: list[asyncpg.Record]
                    connection, rows = await self._users.begin(
                        lambda driver: driver.fetch(sql, *arguments), repeatable=repeatable
                    )
                    self._users.give_back(connection)
            self._outage.succeeded()
            return rows

        return await again_after_conflicts(once)

    async def _search(
        self,
        user_id: str,
        prepare: Prepare,
        statement: ClauseElement,
        values: Mapping[str, object],
    ) -> list[asyncpg.Record]:
        share = self._shares.search(user_id)
        async with self._transaction(share, user_id, limit_ms=SEARCH_MS) as transaction:
            try:
                return await transaction.read(statement, **values, **prepare())
            except asyncpg.QueryCanceledError:
                raise SearchTimeoutError("the search timed out") from None
