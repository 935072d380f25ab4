"""Faults of the database cause a 503 with Retry-After, and recovery is automatic."""

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from app import create_app
from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError, is_transient
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.openapi import read
from app.settings import Settings
from app.tasks.wall import WALL
from quart_contract.operations import operations
from tests.isolation.plans import PLANS, Plan
from tests.support.clients import async_client
from tests.support.live_server import live
from tests.support.tokens import bearer

OPERATIONS = [each for each in operations(read()) if each.id != "getLiveness"]


@pytest.mark.parametrize(
    ("state", "transient"),
    [
        ("08006", True),
        ("28P01", True),
        ("3D000", True),
        ("53100", True),
        ("53300", True),
        ("57014", True),
        ("57P01", True),
        ("57P03", True),
        ("58030", True),
        ("25006", True),
        ("55P03", True),
        ("40001", True),
        ("40P01", True),
        ("22021", False),
        ("23514", False),
        ("42P01", False),
        ("42501", False),
        ("XX000", False),
    ],
)
async def test_a_state_of_postgresql_is_transient_or_a_bug(
    database: Database, state: str, transient: bool
) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    expected = DatabaseUnavailableError if transient else DBAPIError
    with pytest.raises(expected):
        async with database.transaction() as connection:
            await connection.execute(text(raising))


async def test_a_pool_that_stays_exhausted_is_transient(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.engine.pool, "_timeout", 0.05)
    async with database.transaction():
        with pytest.raises(DatabaseUnavailableError):
            async with database.transaction():
                pass


async def test_a_connection_closed_by_the_server_is_replaced(
    database: Database,
) -> None:
    with pytest.raises(DatabaseUnavailableError):
        async with database.transaction() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with database.transaction() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a key"}])
async def test_a_connection_on_which_nothing_can_be_written_is_left(
    settings: Settings, empty_database: DatabaseUrl, headers: dict[str, str]
) -> None:
    database = Database(empty_database, pool_size=1, wall=WALL)
    await migrate(database)
    name = empty_database.for_sqlalchemy.database
    change = f"ALTER DATABASE {name} {{}} default_transaction_read_only"
    async with database.transaction() as connection:
        await connection.execute(text(f"{change.format('SET')} = on"))
    app = create_app(settings.model_copy(update={"database_url": empty_database}))
    with live(app) as server:
        async with async_client(server, "ada", headers) as client:
            assert (await client.post("/api/tasks", json={"title": "x"})).status_code == 503
            async with database.transaction() as connection:
                await connection.execute(text(change.format("RESET")))
            assert (await client.post("/api/tasks", json={"title": "x"})).status_code == 201
    await database.close()


def test_an_error_of_our_own_is_not_transient() -> None:
    assert not is_transient(ValueError())
    assert is_transient(ConnectionRefusedError())
    assert is_transient(TimeoutError())


@pytest.fixture(scope="module")
def unreachable(settings: Settings) -> Settings:
    """Settings with a database URL at which no server listens."""
    url = DatabaseUrl("postgresql://taskward:hunter2@127.0.0.1:1/taskward")
    return settings.model_copy(update={"database_url": url})


async def test_without_a_database_only_liveness_answers(unreachable: Settings) -> None:
    with live(create_app(unreachable)) as server:
        async with async_client(server, "ada") as client:
            for operation in OPERATIONS:
                plan = PLANS.get(operation.id, Plan(status=503, shows=lambda _: None))
                request = plan.request(operation, "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70", "ada")
                response = await client.request(request.method, request.target, json=request.body)
                assert (operation.id, response.status_code) == (operation.id, 503)
                assert int(response.headers["Retry-After"]) >= 1
                assert "hunter2" not in response.text
            assert (await client.get("/health/live")).status_code == 200


async def test_a_bug_is_a_500_that_tells_nothing(
    settings: Settings, empty_database: DatabaseUrl
) -> None:
    # A missing schema represents a bug: no request can cause it.
    app = create_app(settings.model_copy(update={"database_url": empty_database}))
    with capture_logs() as lines, live(app) as server:
        # The contract has no such status.
        async with httpx.AsyncClient(base_url=server.base_url) as client:
            response = await client.get("/api/tasks", headers=bearer("ada"))
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response.json()["request_id"] == response.headers["X-Request-Id"]
    assert "tasks" not in response.json()["detail"]
    [line] = [each for each in lines if each["event"] == "request failed"]
    assert "UndefinedTable" in repr(line["exc_info"])
