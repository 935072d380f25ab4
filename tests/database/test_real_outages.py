"""The log of an outage of a real PostgreSQL: a line when it begins, and one when it is over."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app import lasting_event
from app.database import database as databases
from app.database.database import Database
from app.database.driver import shares
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.tasks.wall import WALL
from tests.faults.postgres import Postgres, running
from tests.support.folders import world_readable_tmp

COUNT = text("SELECT count(*) FROM tasks")
SLEEP = text("SELECT pg_sleep(30)")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with world_readable_tmp() as folder, running(folder) as started:
        yield started


async def test_an_outage_logs_a_line_at_its_start_and_at_its_end(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting_event, "CALM_SECONDS", 0.1)
    database = Database(DatabaseUrl(postgres.url()), pool_size=2, wall=WALL)
    await migrate(database)
    session = database.session("ada")
    with capture_logs() as logs:
        await session.read(COUNT)
        postgres.kill()
        for _ in range(20):
            with pytest.raises(DatabaseUnavailableError):
                await session.read(COUNT)
        postgres.start()
        await asyncio.sleep(0.2)
        for _ in range(20):
            await session.read(COUNT)
    await database.close()
    lines = [each for each in logs if each["event"].startswith("database")]
    *begun, over = lines
    assert {each["log_level"] for each in lines} == {"warning"}
    assert [each["event"] for each in lines] == ["database unavailable"] * len(begun) + [
        "database available again"
    ]
    reasons = [each["reason"] for each in begun]
    assert len(reasons) == len(set(reasons))
    assert "unreachable" in reasons
    assert over["times"] == 20


async def test_a_role_that_is_missing_is_an_outage(postgres: Postgres) -> None:
    database = Database(DatabaseUrl(postgres.url()), pool_size=2, wall=WALL)
    await migrate(database)

    async def rename(former: str, new: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(text(f"ALTER ROLE {former} RENAME TO {new}"))

    await rename("taskward_app", "hidden")
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(DatabaseUnavailableError):
                await database.session("ada").read(COUNT)
    await rename("hidden", "taskward_app")
    await database.close()
    assert [(each["event"], each["reason"]) for each in logs] == [
        ("database unavailable", "PostgreSQL error 22023")
    ]


async def test_time_limits_of_a_users_own_requests_are_no_outage(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (databases, shares):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.5)
    database = Database(DatabaseUrl(postgres.url()), pool_size=2, wall=WALL)
    await migrate(database)

    async def in_transaction() -> None:
        async with database.user_transaction("ada") as transaction:
            await transaction.read(SLEEP)

    async def search() -> None:
        await database.session("ada").search(SLEEP)

    async def wait_for_a_share() -> None:
        async with database.user_transaction("ada"), database.user_transaction("ada"):
            pass

    with capture_logs() as logs:
        for work in (in_transaction, search, wait_for_a_share):
            with pytest.raises(DatabaseUnavailableError):
                await work()
    await database.close()
    assert logs == []
