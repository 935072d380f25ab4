"""The load of the released version: clients that create, change and delete tasks repeatedly."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg

from app.database.driver.url import DatabaseUrl
from tests.upgrades import released_0_1_0 as released

CLIENTS = 4
LOCK_TIMEOUT_MS = 2_000
"""Four times the lock time-out of a migration: a client that waits longer fails the test."""


class Load:
    """The counts and the errors of all clients."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.statements = 0
        self.longest = 0.0
        self.kept: dict[str, int] = {}
        """The number of tasks that each user has left."""
        self.stopped = False

    async def client(self, url: DatabaseUrl) -> None:
        """Create, change and delete tasks of one new user until stopped."""
        connection = await asyncpg.connect(
            **url.for_driver, server_settings={"lock_timeout": str(LOCK_TIMEOUT_MS)}
        )
        user, self_erased = f"user {uuid4()}", f"user {uuid4()}"
        self.kept[user] = 0
        try:
            while not self.stopped:
                await self._life(connection, user)
                self.kept[user] += 1
                await self._say(connection, self_erased, released.CREATE, uuid4(), "x")
                await self._say(connection, self_erased, released.ERASE)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, AssertionError) as error:
            self.failures.append(repr(error))
        finally:
            connection.terminate()

    async def _life(self, connection: asyncpg.Connection, user: str) -> None:
        ids = [uuid4(), uuid4()]
        for each in ids:
            assert await self._say(connection, user, released.CREATE, each, "x")
        for each in ids:
            for statement, *values in (
                (released.GET,),
                (released.REPLACE, "y"),
                (released.COMPLETE,),
            ):
                assert await self._say(connection, user, statement, each, *values)
        assert await self._say(connection, user, released.LIST)
        assert await self._say(connection, user, released.DELETE, ids[0])
        assert await self._say(connection, user, released.SUMMARY)

    async def _say(
        self,
        connection: asyncpg.Connection,
        user: str,
        statement: str,
        *values: Any,  # noqa: ANN401 - the driver's
    ) -> int:
        began = time.monotonic()
        escaped = "".join(f"\\U{ord(character):08X}" for character in user)
        await connection.execute(released.BEGIN.format(user=escaped))
        rows = await connection.fetch(statement, user, *values)
        assert await connection.execute(released.COMMIT) == "COMMIT"
        self.statements += 1
        self.longest = max(self.longest, time.monotonic() - began)
        return len(rows)


@asynccontextmanager
async def under_load(url: DatabaseUrl) -> AsyncIterator[Load]:
    """Run clients on the database until the context ends."""
    load = Load()
    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(load.client(url))
        try:
            yield load
        finally:
            load.stopped = True
