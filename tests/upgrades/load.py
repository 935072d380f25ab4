"""The load of a released version: clients that create, change and delete tasks repeatedly."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import asyncpg

from app.database.driver.url import DatabaseUrl

CLIENTS = 4
LOCK_TIMEOUT_MS = 2_000
"""Four times the lock time-out of a migration: a client that waits longer fails the test."""


class Client(ABC):
    """A connection of one user, on which a released version runs its statements."""

    version: ClassVar[str]
    revision: ClassVar[str]
    """The revision of the schema that the version was released with."""
    settings: ClassVar[Mapping[str, str]] = {}

    def __init__(self, connection: asyncpg.Connection, user: str) -> None:
        self.connection = connection
        self.user = user
        self.statements = 0
        self.longest = 0.0
        self.kept = 0
        """The number of tasks that the user has."""

    @abstractmethod
    async def transaction(self, statement: str, *values: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - the driver's
        """Run a statement of the user in a transaction. Return its rows."""

    @abstractmethod
    async def live(self) -> None:
        """Create some tasks and change them. Keep one of them."""

    @abstractmethod
    async def be_erased(self) -> None:
        """Create a task and erase the user."""

    async def run(self, statement: str, *values: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - the driver's
        """Run a statement of the user in a transaction, and measure it. Return its rows."""
        began = time.monotonic()
        rows = await self.transaction(statement, *values)
        self.statements += 1
        self.longest = max(self.longest, time.monotonic() - began)
        return rows


AnyClient = TypeVar("AnyClient", bound=Client)


class Load(list[AnyClient]):
    """The clients whose users keep their tasks, and the errors of all clients."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.stopped = False

    @property
    def statements(self) -> int:
        """The number of transactions."""
        return sum(each.statements for each in self)

    @property
    def longest(self) -> float:
        """The seconds of the longest transaction."""
        return max(each.longest for each in self)

    async def repeat(self, url: DatabaseUrl, kind: type[AnyClient]) -> None:
        """Create, change and delete tasks of one new user until stopped."""
        connection = await asyncpg.connect(
            **url.for_driver,
            server_settings={**kind.settings, "lock_timeout": str(LOCK_TIMEOUT_MS)},
        )
        client, erased = (kind(connection, f"user {uuid4()}") for _ in range(2))
        self.append(client)
        try:
            while not self.stopped:
                await client.live()
                client.kept += 1
                await erased.be_erased()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, AssertionError) as error:
            self.failures.append(repr(error))
        finally:
            connection.terminate()


@asynccontextmanager
async def under_load(url: DatabaseUrl, kind: type[AnyClient]) -> AsyncIterator[Load[AnyClient]]:
    """Run clients on the database until the context ends."""
    load = Load[AnyClient]()
    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(load.repeat(url, kind))
        try:
            yield load
        finally:
            load.stopped = True
