"""The engine, and the transactions that requests run in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.database.errors import DatabaseUnavailableError, is_transient
from app.database.url import DatabaseUrl

TIMEOUT_SECONDS = 10


class Database:
    """A pool of at most `pool_size` connections; it connects when it is first used."""

    EXTENSION: ClassVar = "taskward.database"

    def __init__(self, url: DatabaseUrl, pool_size: int) -> None:
        self.engine = create_async_engine(
            url.for_sqlalchemy,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=TIMEOUT_SECONDS,
            hide_parameters=True,  # an error in the log must not quote a user's tasks
            connect_args={
                **url.connect_arguments,
                "timeout": TIMEOUT_SECONDS,
                "command_timeout": TIMEOUT_SECONDS,
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: leaving commits, raising rolls back.

        Raises `DatabaseUnavailableError` for whatever passes by itself.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except Exception as error:
            if is_transient(error):
                raise DatabaseUnavailableError(type(error).__name__) from error
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
