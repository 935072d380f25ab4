"""Access to the database, as the login and as one user."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeVar

import asyncpg
from sqlalchemy import ClauseElement

from .driver.conflicts import retry_on_conflict
from .driver.connection import DriverConnection
from .driver.errors import (
    CONFLICT,
    DatabaseUnavailableError,
    SearchTimeoutError,
    translate_driver_errors,
)
from .driver.limits import SEARCH_MS
from .driver.pool import TIMEOUT_SECONDS, PoolUsage, Traits, UserPool
from .driver.sessions import Prepare, SingleStatements, UserSession, UserTransaction
from .driver.shares import ShareUsage, UserShares, admit_all
from .driver.statements import bound, compiled
from .driver.url import DatabaseUrl
from .login import LoginAccess
from .wall.policies import LOCAL_SETTINGS
from .wall.tables import Wall

T = TypeVar("T")


class Database(LoginAccess):
    """Opens at most `pool_size` connections for users and one for the login, each on first use.

    Transient errors, and waits longer than `TIMEOUT_SECONDS`, raise `DatabaseUnavailableError`.
    `committed` is called with the user's id after each transaction that may have changed something.
    """

    def __init__(  # noqa: PLR0913 - the service passes in what it can replace
        self,
        url: DatabaseUrl,
        pool_size: int,
        *,
        wall: Wall,
        pooler: bool = False,
        connection_class: type[DriverConnection] = DriverConnection,
        admit: Callable[[str], None] = admit_all,
        committed: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(url, wall, pooler=pooler)
        self._committed = committed
        self._users = UserPool(
            url, wall, pool_size, pooler=pooler, connection_class=connection_class
        )
        self._shares = UserShares(pool_size, admit)
        self.session: Callable[[str], UserSession]
        """Returns the session in which each statement of a user runs alone."""
        self.session = partial(SingleStatements, self._run, self._search)

    @property
    def usage(self) -> PoolUsage:
        """Return how many connections the pool has, how many are in use, and how many wait."""
        return self._users.usage

    @property
    def share_usage(self) -> ShareUsage:
        """Return how many requests wait for a share, and how many searches run and wait."""
        return self._shares.usage

    def user_transaction(
        self, user_id: str, *, locking: bool = False
    ) -> AbstractAsyncContextManager[UserTransaction]:
        """Return a transaction that sees the rows of one user only.

        Leaving commits, raising rolls back. With `locking`, no other transaction changes the user's
        rows until then. After `TIMEOUT_SECONDS` it is rolled back.
        """
        return self._transaction(self._shares.share(user_id), user_id, locking=locking)

    async def in_transaction(
        self,
        user_id: str,
        work: Callable[[UserTransaction], Awaitable[T]],
        *,
        locking: bool = False,
    ) -> T:
        """Run `work` in a transaction of a user; retry it after a conflict."""

        async def once() -> T:
            async with self.user_transaction(user_id, locking=locking) as transaction:
                return await work(transaction)

        return await retry_on_conflict(once)

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
        with translate_driver_errors(self._outage):
            async with share:
                traits = await self._traits()
                begin = traits.layout.begin(
                    user_id,
                    locking=self.wall if locking else None,
                    settings=self._local_settings(traits, limit_ms),
                )
                connection = await self._begin(begin)
                transaction = UserTransaction(user_id, connection, traits.layout)
                try:
                    async with asyncio.timeout(TIMEOUT_SECONDS):
                        yield transaction
                    # COMMIT is outside: the outcome of a cancelled COMMIT is unknown.
                    await transaction.commit()
                except BaseException as error:
                    await self._users.release_failed(connection, error)
                    raise
                finally:
                    # Also after an error: the outcome of a COMMIT can be unknown.
                    if transaction.has_changes:
                        self._committed(user_id)
                self._users.release(connection)
        self._outage.succeeded()

    def _local_settings(self, traits: Traits, limit_ms: int | None) -> Mapping[str, object]:
        """Return the settings that each transaction must set itself.

        Behind a pooler, and on the workers of Citus, connections lack the settings of the pool.
        """
        limit = min(limit_ms or traits.limit_ms, traits.limit_ms)
        if self._pooler or traits.layout.is_distributed:
            return {"statement_timeout": limit, **LOCAL_SETTINGS}
        return {"statement_timeout": limit} if limit_ms else {}

    async def _traits(self) -> Traits:
        return self._users.traits or await self._users.read_traits()

    async def _begin(self, begin: str) -> asyncpg.Connection:
        try:
            connection, _ = await self._users.begin(
                lambda driver: driver.execute(begin), repeatable=True
            )
        except CONFLICT:
            raise
        except asyncpg.PostgresError as error:
            # For example, the login has lost the role. The readiness check reports the reason.
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
            with translate_driver_errors(self._outage):
                traits = await self._traits()
        if self._pooler or traits.layout.is_distributed:
            return await self.in_transaction(
                user_id,
                lambda each: (each.read if repeatable else each.change)(statement, **values),
            )
        sql, arguments = bound(compiled(statement, traits.layout.dialect), user_id, values)

        async def once() -> list[asyncpg.Record]:
            with translate_driver_errors(self._outage):
                async with self._shares.share(user_id):
                    rows: list[asyncpg.Record]
                    connection, rows = await self._users.begin(
                        lambda driver: driver.fetch(sql, *arguments), repeatable=repeatable
                    )
                    self._users.release(connection)
            self._outage.succeeded()
            return rows

        try:
            return await retry_on_conflict(once)
        finally:
            # Also after an error: it can be unknown whether PostgreSQL executed the statement.
            if not repeatable:
                self._committed(user_id)

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
