"""A client of version 0.1.0."""

from typing import Any
from uuid import uuid4

import asyncpg

from tests.upgrades import released_0_1_0 as released
from tests.upgrades.load import Client


class Client010(Client):
    """It names the role and the user in each transaction."""

    version = "0.1.0"
    revision = released.REVISION

    async def transaction(self, statement: str, *values: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - the driver's
        """Run a statement of the user in a transaction. Return its rows."""
        escaped = "".join(f"\\U{ord(character):08X}" for character in self.user)
        await self.connection.execute(released.BEGIN.format(user=escaped))
        rows: list[asyncpg.Record] = await self.connection.fetch(statement, self.user, *values)
        assert await self.connection.execute(released.COMMIT) == "COMMIT"
        return rows

    async def live(self) -> None:
        """Create two tasks, change both and delete one."""
        ids = [uuid4(), uuid4()]
        for each in ids:
            assert await self.run(released.CREATE, each, "x")
        for each in ids:
            for statement, *values in (
                (released.GET,),
                (released.REPLACE, "y"),
                (released.COMPLETE,),
            ):
                assert await self.run(statement, each, *values)
        assert await self.run(released.LIST)
        assert await self.run(released.DELETE, ids[0])
        assert await self.run(released.SUMMARY)

    async def be_erased(self) -> None:
        """Create a task and erase the user."""
        await self.run(released.CREATE, uuid4(), "x")
        await self.run(released.ERASE)
