"""What the statements of a user run in. Its `user_id` is their `OWNER`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

import asyncpg
from sqlalchemy import ClauseElement

from app.database.driver.errors import CommitError
from app.database.driver.statements import bound, compiled

Prepare: TypeAlias = Callable[[], Mapping[str, object]]
Run: TypeAlias = Callable[..., Awaitable[list[asyncpg.Record]]]


class UserSession(Protocol):
    """Runs statements that see no rows but those of one user."""

    user_id: str

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes nothing, with the values of its parameters."""

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        """Run a statement that reads all that the user has, within tighter limits.

        `prepare` makes more of its values, once it is this search's turn.
        """

    async def change(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes something; answer its rows."""


class SingleStatements:
    """Each statement is a transaction of its own, and one round trip; a search takes three."""

    def __init__(self, user_id: str, run: Run, search: Run) -> None:
        self.user_id = user_id
        self._run = run
        self._search = search

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes nothing, with the values of its parameters."""
        return await self._run(self.user_id, statement, values, repeatable=True)

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        """Run a statement that reads all that the user has, with what `prepare` makes, too.

        Raises `SearchTimeoutError` where it takes too long, or other searches do.
        """
        return await self._search(self.user_id, prepare, statement, values)

    async def change(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes something; answer its rows."""
        return await self._run(self.user_id, statement, values, repeatable=False)


class UserTransaction:
    """All statements are one transaction, which has begun on the connection `driver`."""

    def __init__(self, user_id: str, driver: asyncpg.Connection, *, distributed: bool) -> None:
        self.user_id = user_id
        self._driver = driver
        self._distributed = distributed

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes nothing, with the values of its parameters."""
        known = compiled(statement, distributed=self._distributed)
        sql, arguments = bound(known, self.user_id, values)
        rows: list[asyncpg.Record] = await self._driver.fetch(sql, *arguments)
        return rows

    change = read

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        """Run a statement, with what `prepare` makes of its values."""
        return await self.read(statement, **values, **prepare())

    async def commit(self) -> None:
        """Commit it.

        Raises `CommitError` where a statement of it had failed: PostgreSQL then rolls back, and
        says so, but not as an error.
        """
        if await self._driver.execute("COMMIT") != "COMMIT":
            raise CommitError
