"""Polling: read the revisions of all users who wait, while there are no signals."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import structlog

from ..database.database import Database
from ..database.driver.errors import DatabaseUnavailableError
from ..database.driver.watch import Watch
from .waiters import Waiters

logger = structlog.get_logger("app.live")

POLL_SECONDS = 1
USERS_AT_ONCE = 1000
"""How many users one statement reads the revisions of."""

ReadRevisions: TypeAlias = Callable[[Watch, Sequence[str]], Awaitable[Mapping[str, int | None]]]


class Polling:
    """Compares the revisions that waiting requests have read with those of the database.

    It has a connection only while there is something to compare.
    """

    def __init__(self, waiters: Waiters) -> None:
        self._waiters = waiters
        self._due = asyncio.Event()
        """Set while revisions must be read."""
        self._once = False
        """True if they must be read only once more."""

    def begin(self) -> None:
        """Read the revisions every second from now on."""
        self._once = False
        self._due.set()

    def once(self) -> None:
        """Read the revisions once more, if a request waits or is about to."""
        self._once = True
        if self._waiters.users:
            self._due.set()
        else:
            self._due.clear()

    async def run(self, database: Database, read: ReadRevisions) -> None:
        """Poll until cancelled."""
        while True:
            await self._due.wait()
            await self._waiters.present.wait()
            try:
                await self._poll(database, read)
            except DatabaseUnavailableError:
                self._due.set()
            except Exception:
                logger.exception("polling failed")
                self._due.set()
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self, database: Database, read: ReadRevisions) -> None:
        async with database.watch() as watch:
            while self._due.is_set() and self._waiters.present.is_set():
                if self._once:
                    self._due.clear()
                users = self._waiters.users
                for at in range(0, len(users), USERS_AT_ONCE):
                    self._waiters.compare(await read(watch, users[at : at + USERS_AT_ONCE]))
                if self._due.is_set():
                    await asyncio.sleep(POLL_SECONDS)
