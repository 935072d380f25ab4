"""The engine, and the transactions that requests run in."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import ClassVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.database import wall
from app.database.errors import (
    CONNECTION_LOST,
    CommitError,
    DatabaseUnavailableError,
    is_transient,
)
from app.database.url import DatabaseUrl

TIMEOUT_SECONDS = 10


class Database:
    """A pool of at most `pool_size` connections; it connects when it is first used."""

    EXTENSION: ClassVar = "taskward.database"

    def __init__(self, url: DatabaseUrl, pool_size: int) -> None:
        self._pool_size = pool_size
        self.engine = create_async_engine(
            url.for_sqlalchemy,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=TIMEOUT_SECONDS,
            hide_parameters=True,  # an error in the log must not quote a user's tasks
            # A user's transaction begins and ends in a way that SQLAlchemy does not know.
            isolation_level="AUTOCOMMIT",
            connect_args={
                **url.connect_arguments,
                "timeout": TIMEOUT_SECONDS,
                "command_timeout": TIMEOUT_SECONDS,
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of the login itself: leaving commits, raising rolls back.

        Raises `DatabaseUnavailableError` for whatever passes by itself.
        """
        engine = self.engine.execution_options(isolation_level="READ COMMITTED")
        with _telling_what_passes():
            async with engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def user_transaction(
        self, user_id: str, *, locking: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction to which there are no rows but those of one user.

        Leaving commits, raising rolls back. With `locking`, no other transaction changes what
        the user has until then. Raises `DatabaseUnavailableError` for whatever passes by itself.
        """
        with _telling_what_passes():
            async with self.engine.connect() as connection:
                driver = await self._begin(connection, wall.prelude(user_id, locking=locking))
                try:
                    yield connection
                    await _commit(driver)
                except Exception:
                    await _roll_back(connection, driver)
                    raise
                except BaseException:
                    # Cancelled, perhaps amid a command: nothing can be said to it any more.
                    await connection.invalidate()
                    raise

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def _begin(self, connection: AsyncConnection, prelude: str) -> asyncpg.Connection:
        # The database may have ended every connection of the pool while nobody used it.
        for _ in range(self._pool_size + 1):
            driver = await _driver(connection)
            try:
                await driver.execute(prelude)
            except BaseException as error:
                await connection.invalidate()
                if isinstance(error, CONNECTION_LOST) and not isinstance(error, TimeoutError):
                    continue
                if isinstance(error, asyncpg.PostgresError):
                    # Such as that the role is gone, or may not be taken on; readiness says which.
                    raise DatabaseUnavailableError(str(error)) from error
                raise
            return driver
        raise DatabaseUnavailableError("no connection lives")


async def _driver(connection: AsyncConnection) -> asyncpg.Connection:
    raw = await connection.get_raw_connection()
    return raw.driver_connection


async def _commit(driver: asyncpg.Connection) -> None:
    # Of a transaction that had failed, PostgreSQL makes a rollback without an error.
    if await driver.execute("COMMIT") != "COMMIT":
        raise CommitError


async def _roll_back(connection: AsyncConnection, driver: asyncpg.Connection) -> None:
    try:
        await driver.execute("ROLLBACK")
    except BaseException as error:
        # Closing the connection ends the transaction as well, and the error before counts.
        await connection.invalidate()
        if not isinstance(error, Exception):
            raise


@contextmanager
def _telling_what_passes() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if is_transient(error):
            raise DatabaseUnavailableError(type(error).__name__) from error
        raise
