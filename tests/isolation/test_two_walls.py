"""Each of the two walls works alone: the conditions of the queries, and row-level security."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import text

from app import create_app
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.settings import Settings
from app.tasks.models import metadata
from app.tasks.wall import WALL
from tests.conftest import REPORTED
from tests.isolation.attack import Attack
from tests.isolation.faults import FAULTS, Fault, Planter
from tests.support.driver import recorded_statements
from tests.support.empty_database import make_empty_database
from tests.support.live_server import live

pytestmark = pytest.mark.usefixtures("only_warnings")


def kind_of(fault: Fault) -> str:
    """Return what a fault changes, such as the deletion of a task."""
    return fault.name.partition(":")[0]


KINDS = sorted({kind_of(each) for each in FAULTS})
PARTS = [KINDS[first::4] for first in range(4)]
"""The kinds of faults, in parts that run in parallel."""
WALL_DOWN = [
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "ALTER POLICY {table}_owner ON {table} USING (true) WITH CHECK (true)",
]


class Ground:
    """A server on a separate database, into whose queries faults are planted."""

    def __init__(self, settings: Settings, url: DatabaseUrl) -> None:
        # Faults make responses that violate the contract, and here no other response counts.
        changes = {"database_url": url, "validate_responses": False}
        self.app = create_app(settings.model_copy(update=changes))
        self._database = Database(url, pool_size=1, wall=WALL)
        self._planter = Planter()

    async def prepare(self, command: str | None) -> None:
        """Create the tables, and run `command` on each of them."""
        await migrate(self._database)
        async with self._database.transaction() as connection:
            for table in metadata.tables if command else ():
                await connection.execute(text(str(command).format(table=table)))

    async def attacked(self, base_url: str, fault: Fault | None = None) -> list[str]:
        """Return the leaks of an attack, with this fault."""
        attack = Attack(base_url, self._database)
        await attack.prepare()
        planted = self._planter.planted
        self._planter.fault = fault
        with recorded_statements(self._planter.rewrite):
            leaks = await attack.leaks()
        self._planter.fault = None
        await attack.close()
        assert fault is None or self._planter.planted > planted
        return leaks

    async def close(self) -> None:
        """Close the connections."""
        await self._database.close()


@asynccontextmanager
async def serve(
    settings: Settings, server: DatabaseUrl, command: str | None = None
) -> AsyncIterator[Callable[..., Awaitable[list[str]]]]:
    """Serve on a database whose tables `command` has changed; yield a function that attacks it."""
    async with make_empty_database(server) as url:
        ground = Ground(settings, url)
        await ground.prepare(command)
        with live(ground.app) as running:
            yield partial(ground.attacked, running.base_url)
        await ground.close()


@pytest.mark.parametrize("command", WALL_DOWN)
async def test_the_queries_alone_isolate_users_without_the_second_wall(
    settings: Settings, database_url: DatabaseUrl, command: str
) -> None:
    async with serve(settings, database_url, command) as attacked:
        assert await attacked() == []


@pytest.mark.parametrize("kinds", PARTS)
async def test_the_second_wall_alone_isolates_users_in_faulty_queries(
    settings: Settings, database_url: DatabaseUrl, kinds: list[str]
) -> None:
    async with serve(settings, database_url) as attacked:
        for fault in (None, *(each for each in FAULTS if kind_of(each) in kinds)):
            assert (fault, await attacked(fault)) == (fault, [])


@pytest.mark.parametrize("kinds", PARTS)
async def test_with_both_walls_down_the_attack_is_seen_to_succeed(
    settings: Settings,
    database_url: DatabaseUrl,
    record_property: Callable[[str, object], None],
    kinds: list[str],
) -> None:
    """Otherwise the tests above would prove nothing."""
    faults = [each for each in FAULTS if kind_of(each) in kinds]
    async with serve(settings, database_url, WALL_DOWN[0]) as attacked:
        succeeded = [fault for fault in faults if await attacked(fault)]
    assert sorted({kind_of(each) for each in succeeded}) == kinds
    record_property(
        REPORTED,
        f"Faults planted into the queries: {len(faults)}, of which {len(succeeded)} let an attack "
        "succeed with the second wall down, and none with it up",
    )
