"""Sessions: what the statements of a user run in. `user_id` is the value of `OWNER`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import asyncpg
from sqlalchemy import ClauseElement

from ..wall.layout import Layout
from .errors import CommitError
from .statements import bound, compiled

Prepare: TypeAlias = Callable[[], Mapping[str, object]]
Run: TypeAlias = Callable[..., Awaitable[list[asyncpg.Record]]]


class UserSession(Protocol):
    """Runs statements that see the rows of one user only."""

    user_id: str

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes nothing, with values for its parameters; return its rows."""

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        """Run a statement that reads all rows of the user, within tighter limits.

        `prepare` is called when it is this search's turn; it returns further values of parameters.
        """

    async def change(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes something; return its rows."""


@dataclass(slots=True)
class SingleStatements:
    """Runs each statement as a separate transaction in one round trip; a search takes three."""

    _run: Run
    _search: Run
    user_id: str

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes nothing, with values for its parameters; return its rows."""
        return await self._run(self.user_id, statement, values, repeatable=True)

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        """Run a statement that reads all rows of the user; `prepare` returns more of its values.

        Raises `SearchTimeoutError` if this search, or the searches before it, take too long.
        """
        return await self._search(self.user_id, prepare, statement, values)

    async def change(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes something; return its rows."""
        return await self._run(self.user_id, statement, values, repeatable=False)


class UserTransaction:
    """Runs all statements in one transaction, which has begun on the connection `driver`."""

    def __init__(self, user_id: str, driver: asyncpg.Connection, layout: Layout) -> None:
        self.user_id = user_id
        self._driver = driver
        self._layout = layout
        self.has_changes = False
        """True if a statement was to change something."""

    async def read(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes nothing, with values for its parameters; return its rows."""
        known = compiled(statement, self._layout.dialect)
        sql, arguments = bound(known, self.user_id, values)
        rows: list[asyncpg.Record] = await self._driver.fetch(sql, *arguments)
        return rows

    async def change(self, statement: ClauseElement, **values: object) -> list[asyncpg.Record]:
        """Run a statement that changes something; return its rows."""
        self.has_changes = True
        return await self.read(statement, **values)

    async def search(
        self, statement: ClauseElement, prepare: Prepare = dict, **values: object
    ) -> list[asyncpg.Record]:
        """Run a statement with further values from `prepare`."""
        return await self.read(statement, **values, **prepare())

    async def commit(self) -> None:
        """Commit the transaction.

        Raises `CommitError` if one of its statements has failed: PostgreSQL then rolls back and
        reports that in the command tag, not as an error.
        """
        if await self._driver.execute("COMMIT") != "COMMIT":
            raise CommitError
