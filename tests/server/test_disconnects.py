"""If a client disconnects, its read in the database is cancelled, and a change is completed."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import structlog

from app.database.driver.url import DatabaseUrl
from tests.support.driver import recorded_statements
from tests.support.http1 import connect, request
from tests.support.live_server import LiveServer
from tests.support.waiting import PATIENCE_SECONDS, until

# Other tests may run on the same database.
NAME = f"sleep_{uuid4().hex}"
RUNNING = f"""
SELECT count(*) FROM pg_stat_activity
WHERE state = 'active' AND query LIKE '%{NAME}%' AND pid <> pg_backend_pid()
"""
ENDS_SECONDS = 5
"""Less than the time limit of a statement."""
TASK = b'{"title": "x"}'


@pytest.fixture
async def login(database_url: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection of the superuser."""
    login = await asyncpg.connect(**database_url.for_driver)
    yield login
    await login.close()


async def until_running(login: asyncpg.Connection, count: int) -> None:
    async def is_running() -> bool:
        return bool(await login.fetchval(RUNNING) == count)

    await until(is_running, ENDS_SECONDS)


def slowly(seconds: float) -> Any:  # noqa: ANN401 - a context with the statements that were sent
    """Slow down the statements that read or write tasks in PostgreSQL."""

    def rewrite(sql: str) -> str:
        slow = f"FROM pg_sleep({seconds}) AS sleeping, "
        rewritten = sql.replace("FROM tasks", f"{slow}tasks").replace(
            "FROM owner_row", f"{slow}owner_row"
        )
        # At the beginning, because PostgreSQL shows only 1,024 bytes of a running statement.
        return sql if rewritten == sql else f"/* {NAME} */ {rewritten}"

    return recorded_statements(rewrite)


async def leave(writer: asyncio.StreamWriter, how: str) -> None:
    if how == "reset":
        writer.transport.abort()
    writer.close()


def reads(logged: Sequence[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [each for each in logged if each.get("method") == "GET"]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("target", ["/api/tasks", "/api/tasks?q=x"])
async def test_a_read_ends_in_the_database_when_its_client_has_left(
    server: LiveServer,
    client: httpx.AsyncClient,
    login: asyncpg.Connection,
    user: str,
    how: str,
    target: str,
) -> None:
    database = server.app.services.database
    await client.post("/api/tasks", json={"title": "x"})
    with structlog.testing.capture_logs() as logged:
        with slowly(8):
            _, writer = await connect(server)
            writer.write(request(f"GET {target}", user=user))
            await until_running(login, 1)
            await leave(writer, how)
            await until_running(login, 0)
        # The line of the request before can be late: the server runs in another thread.
        await until(lambda: reads(logged) and not database.usage.in_use, ENDS_SECONDS)
    (line,) = reads(logged)
    assert (line["event"], line["status"], line["route"]) == ("request", None, "/api/tasks")
    assert (await client.get(target)).status_code == 200


async def test_a_search_that_waits_ends_when_its_client_has_left(
    server: LiveServer, client: httpx.AsyncClient, login: asyncpg.Connection, user: str
) -> None:
    database = server.app.services.database
    await client.post("/api/tasks", json={"title": "x"})
    with slowly(2):
        running = asyncio.create_task(client.get("/api/tasks?q=x"))
        await until_running(login, 1)
        _, writer = await connect(server)
        writer.write(request("GET /api/tasks?q=x", user=user))
        await until(lambda: database.share_usage.waiting_to_search == 1, ENDS_SECONDS)
        writer.close()
        await until(lambda: not database.share_usage.waiting_to_search, ENDS_SECONDS)
        assert not running.done()
        assert (await running).status_code == 200


async def test_a_client_that_closes_its_side_only_gets_its_response(
    server: LiveServer, client: httpx.AsyncClient, user: str
) -> None:
    await client.post("/api/tasks", json={"title": "x"})
    for seconds, interim in ((0.0, 0), (1.0, 1)):
        with slowly(seconds):
            reader, writer = await connect(server)
            writer.write(request("GET /api/tasks", user=user))
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_SECONDS):
                response = await reader.read()
            writer.close()
        head = b"HTTP/1.1 100 Continue\r\n\r\n" * interim
        assert response.startswith(head + b"HTTP/1.1 200")
        assert response.count(b'"items"') == 1


async def test_a_client_of_http_1_0_gets_no_interim_response(
    server: LiveServer, client: httpx.AsyncClient, user: str
) -> None:
    await client.post("/api/tasks", json={"title": "x"})
    with slowly(1):
        reader, writer = await connect(server)
        writer.write(request("GET /api/tasks", user=user).replace(b"HTTP/1.1", b"HTTP/1.0"))
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await reader.read()
        writer.close()
    assert response.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("key", [[], ["Idempotency-Key: k"]])
async def test_a_change_is_made_although_its_client_has_left(
    server: LiveServer,
    client: httpx.AsyncClient,
    login: asyncpg.Connection,
    user: str,
    how: str,
    key: list[str],
) -> None:
    with slowly(1):
        _, writer = await connect(server)
        writer.write(request("POST /api/tasks", *key, user=user, body=TASK))
        await until_running(login, 1)
        await leave(writer, how)
        await until_running(login, 0)

    async def is_stored() -> bool:
        return bool((await client.get("/api/me")).json()["task_count"])

    await until(is_stored, ENDS_SECONDS)
