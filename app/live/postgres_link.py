"""Signals through PostgreSQL: LISTEN and NOTIFY, on one connection of each process.

A NOTIFY never is part of a user's transaction: its lock on the whole instance would end the group
commit, and a server with 32 writers would fall to a twentieth of its changes per second.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ..database.database import Database
from ..database.driver.watch import Watch
from .links import Carrier


class PostgresLink:
    """Connects processes through the database that they share."""

    carrier: Carrier = "listen"

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def connect(self, received: Callable[[str], None]) -> AsyncIterator["_Line"]:
        """Open a connection, and call `received` with each message from then on."""
        async with self._database.watch() as watch:
            channel = await watch.channel()
            await watch.listen(channel, received)
            yield _Line(watch, channel)


class _Line:
    def __init__(self, watch: Watch, channel: str) -> None:
        self._watch = watch
        self._channel = channel

    async def send(self, messages: Sequence[str]) -> None:
        await self._watch.notify(self._channel, messages)

    async def run(self) -> None:
        await self._watch.lost()
