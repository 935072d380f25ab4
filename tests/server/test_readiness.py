"""Readiness runs every check, and reports each failed check with its real cause."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

import httpx
import pytest
import structlog
from pydantic import HttpUrl
from sqlalchemy import Connection, event, text

from app import create_app, lasting_event
from app.auth import issuer
from app.auth.tokens import TokenVerifier
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.server.observability.readiness import ReadinessCheck
from app.settings import Settings, required
from app.tasks.wall import WALL
from tests.support.addresses import address_of, moved
from tests.support.clients import async_client
from tests.support.key_server import KeyServer, key_server
from tests.support.live_server import live
from tests.support.relay import relay
from tests.support.tokens import ISSUER, SECRET
from tests.upgrades.steps import migrate_to

OK = {"database": "ok", "schema": "ok", "isolation": "ok", "keys": "ok"}
UNREACHABLE = OK | {"database": "failed", "schema": "unknown", "isolation": "unknown"}

Ask = Callable[[], Awaitable[httpx.Response]]
Asking = Callable[..., AbstractAsyncContextManager[Ask]]


@pytest.fixture
def asking(settings: Settings) -> Asking:
    """Serve with other settings, and return whether the server is ready."""

    @asynccontextmanager
    async def serve(**changes: object) -> AsyncIterator[Ask]:
        with live(create_app(settings.model_copy(update=changes))) as server:
            async with async_client(server) as client:
                yield lambda: client.get("/health/ready")

    return serve


@pytest.fixture
async def database(empty_database: DatabaseUrl) -> AsyncIterator[Database]:
    """Create a separate database without tables."""
    database = Database(empty_database, pool_size=1, wall=WALL)
    yield database
    await database.close()


@pytest.fixture
def published() -> Iterator[KeyServer]:
    """The issuer's server, which is stopped."""
    with key_server() as server:
        server.stop()
        yield server


def issued_by(server: KeyServer) -> dict[str, object]:
    return {
        "jwks_url": HttpUrl(server.url),
        "jwt_issuer": (ISSUER["iss"],),
        "jwt_audience": (ISSUER["aud"],),
    }


async def failed(ask: Ask) -> tuple[dict[str, str], str]:
    """Return the checks of a server that is not ready, and the reasons."""
    response = await ask()
    problem = response.json()
    assert (response.status_code, problem["code"]) == (503, "not_ready")
    assert int(response.headers["Retry-After"]) >= 1
    return problem["checks"], problem["detail"]


async def test_a_server_is_ready_when_every_check_is_ok(asking: Asking) -> None:
    async with asking() as ask:
        response = await ask()
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": OK}


async def test_a_server_whose_database_is_gone_is_not_ready(
    asking: Asking, database_url: DatabaseUrl
) -> None:
    direct = address_of(database_url)
    with ExitStack() as lines:
        line = lines.enter_context(relay(direct.port, direct.host))
        through = moved(database_url, "127.0.0.1", line.port)
        url = DatabaseUrl(through.render_as_string(hide_password=False))
        async with asking(database_url=url) as ask:
            assert (await ask()).status_code == 200
            lines.close()
            checks, detail = await failed(ask)
    assert (checks, detail) == (UNREACHABLE, "database: unreachable.")
    assert str(through.password) not in detail


async def test_a_server_whose_database_was_never_migrated_is_not_ready(
    asking: Asking, empty_database: DatabaseUrl
) -> None:
    async with asking(database_url=empty_database) as ask:
        checks, detail = await failed(ask)
    assert checks == OK | {"schema": "failed", "isolation": "failed"}
    assert f"schema: at revision none, expected {WALL.head}" in detail
    assert "isolation: there is no table erasures, there is no table idempotency_keys" in detail


async def test_a_server_on_an_older_schema_is_not_ready(
    asking: Asking, empty_database: DatabaseUrl, database: Database
) -> None:
    await migrate_to(database, "0004")
    async with asking(database_url=empty_database) as ask:
        checks, detail = await failed(ask)
    assert checks == OK | {"schema": "failed", "isolation": "failed"}
    schema, isolation = detail.split("; ")
    assert schema == f"schema: at revision 0004, expected {WALL.head}"
    assert "there is no table tombstones" in isolation


async def test_a_server_is_not_ready_if_users_are_not_isolated(
    asking: Asking, empty_database: DatabaseUrl, database: Database
) -> None:
    await migrate(database)
    async with asking(database_url=empty_database) as ask:
        assert (await ask()).status_code == 200
        async with database.transaction() as connection:
            await connection.execute(text("ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY"))
        checks, detail = await failed(ask)
    assert checks == OK | {"isolation": "failed"}
    assert detail == "isolation: row-level security is not forced on tasks."


async def test_an_unreadable_schema_fails_a_check_and_not_the_server(
    asking: Asking, empty_database: DatabaseUrl, database: Database
) -> None:
    await migrate(database)
    async with asking(database_url=empty_database) as ask:
        async with database.transaction() as connection:
            await connection.execute(
                text("ALTER TABLE taskward_version RENAME version_num TO hidden")
            )
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                checks, detail = await failed(ask)
    assert checks == OK | {"schema": "failed", "isolation": "unknown"}
    assert detail == "schema: cannot be read."
    [line] = [line for line in lines if line["event"] == "schema check failed"]
    assert "version_num" in str(line["exc_info"])


async def test_a_database_that_accepts_no_connection_fails_its_check(
    asking: Asking, settings: Settings, empty_database: DatabaseUrl, database: Database
) -> None:
    name = database.engine.url.database
    admin = Database(required(settings.database_url, "DATABASE_URL"), pool_size=1, wall=WALL)

    async def accept(connections: str) -> None:
        async with admin.transaction() as connection:
            await connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}"))

    await migrate(database)
    await database.engine.dispose()
    await accept("false")
    async with asking(database_url=empty_database) as ask:
        checks, detail = await failed(ask)
    await accept("true")
    await admin.close()
    assert checks == UNREACHABLE
    assert detail == "database: PostgreSQL error 55000."


async def test_a_server_with_keys_stays_ready_while_the_issuer_is_down(
    asking: Asking, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("PAUSE_WITHOUT_KEYS_SECONDS", "PAUSE_SECONDS", "MAX_AGE_SECONDS"):
        monkeypatch.setattr(issuer, pause, 0)
    monkeypatch.setattr(lasting_event, "CALM_SECONDS", 0)
    with structlog.testing.capture_logs() as lines:
        await _lose_and_find_keys(asking, published)
    changes = [line for line in lines if line["event"].startswith("readiness")]
    assert [(line["event"], line["log_level"]) for line in changes] == [
        ("readiness failed", "warning"),
        ("readiness restored", "warning"),
    ]
    assert changes[0]["reason"] == "keys: none could be fetched from the issuer yet"
    assert changes[1]["times"] == 2


async def _lose_and_find_keys(asking: Asking, published: KeyServer) -> None:
    async with asking(**issued_by(published)) as ask:
        checks, detail = await failed(ask)
        assert await failed(ask) == (checks, detail)
        assert checks == OK | {"keys": "failed"}
        assert detail == "keys: none could be fetched from the issuer yet."
        published.start()
        assert (await ask()).json()["checks"] == OK
        published.stop()
        for _ in range(2):
            assert (await ask()).status_code == 200


async def test_every_check_that_fails_is_named(
    asking: Asking, empty_database: DatabaseUrl, published: KeyServer
) -> None:
    async with asking(database_url=empty_database, **issued_by(published)) as ask:
        checks, detail = await failed(ask)
    assert checks == {"database": "ok", "schema": "failed", "isolation": "failed", "keys": "failed"}
    assert [each.partition(":")[0] for each in detail.split("; ")] == [
        "schema",
        "isolation",
        "keys",
    ]


async def test_who_asks_meanwhile_costs_no_check_more(database_url: DatabaseUrl) -> None:
    database, checks = Database(database_url, pool_size=1, wall=WALL), 0

    def count(_: Connection) -> None:
        nonlocal checks
        checks += 1

    event.listen(database.engine.sync_engine, "begin", count)
    check = ReadinessCheck(database, TokenVerifier(SECRET))
    for _ in range(2):
        findings = await asyncio.gather(*(check.run() for _ in range(100)))
        assert {name: each.result for name, each in findings[0].items()} == OK
    await database.close()
    assert checks == 2
