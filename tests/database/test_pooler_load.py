"""Ten thousand requests through a real PgBouncer leave its connections unchanged."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg

from app.database.driver.url import DatabaseUrl
from tests.commands.conftest import SECRET, Taskward
from tests.conftest import REPORTED
from tests.support.folders import open_folder
from tests.support.pgbouncer import pgbouncer
from tests.tokens import claims_for, sign

REQUESTS = 10_000
CLIENTS = 50
CONNECTIONS_TO_POOLER = 20
SERVER_CONNECTIONS = 4
EVERY_ROUND = Counter({"POST 201": 1, "GET 200": 16, "PATCH 200": 1, "GET 304": 1, "DELETE 204": 1})
ROUNDS = REQUESTS // CLIENTS // EVERY_ROUND.total()


LEFT_BEHIND = """
SELECT pg_backend_pid() AS backend,
       (SELECT count(*) FROM pg_prepared_statements) AS statements,
       (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')
           AS locks,
       current_setting('role') AS role,
       coalesce(current_setting('app.user_id', true), '') AS user_id,
       (SELECT string_agg(name, ' ') FROM pg_settings
        WHERE source = 'session' AND setting <> reset_val) AS settings
"""
NOTHING = {"statements": 0, "locks": 0, "role": "none", "user_id": "", "settings": None}


class Client:
    """A user with a persistent connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answers: Counter[str] = Counter()
        self._reader, self._writer = reader, writer
        token = sign(claims_for(f"user {uuid4()}"), SECRET)
        self._headers = f"Host: x\r\nAuthorization: Bearer {token}\r\n"

    async def use(self) -> None:
        """Create, read, change and delete a task: the requests of `EVERY_ROUND`."""
        made = await self._ask("POST", "/api/tasks", '{"title": "x"}')
        task = f"/api/tasks/{json.loads(made)['id']}"
        lists = ("/api/tasks", "/api/tasks?q=x", "/api/tasks/changes")
        for target in (task, *lists, *(task, "/api/me") * 6):
            await self._ask("GET", target)
        await self._ask("PATCH", task, '{"title": "y"}')
        await self._ask("GET", "/api/tasks", headers="If-None-Match: *\r\n")
        await self._ask("DELETE", task)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _ask(self, method: str, target: str, body: str = "", headers: str = "") -> bytes:
        if body:
            headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        request = f"{method} {target} HTTP/1.1\r\n{self._headers}{headers}\r\n{body}"
        self._writer.write(request.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, *received = head.decode().split("\r\n")
        self.answers[f"{method} {status.split()[1]}"] += 1
        lengths = [line[15:] for line in received if line.lower().startswith("content-length:")]
        return await self._reader.readexactly(int(lengths[0]) if lengths else 0)


async def use_all(port: int) -> Counter[str]:
    clients = [Client(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(CLIENTS)]

    async def use(client: Client) -> None:
        for _ in range(ROUNDS):
            await client.use()

    try:
        await asyncio.gather(*map(use, clients))
    finally:
        for client in clients:
            client.close()
    return sum((client.answers for client in clients), Counter())


async def left_behind(pooled: DatabaseUrl) -> list[asyncpg.Record]:
    """Return the state of each server connection of the pooler, while all of them are held."""
    async with AsyncExitStack() as stack:
        held = []
        for _ in range(SERVER_CONNECTIONS):
            client = await asyncpg.connect(**pooled.for_driver, statement_cache_size=0)
            stack.push_async_callback(client.close)
            await client.execute("BEGIN")
            held.append(client)
        return [await client.fetchrow(LEFT_BEHIND) for client in held]


async def test_ten_thousand_requests_leave_nothing_behind_on_the_connections_of_the_pooler(
    database_url: DatabaseUrl, record_property: Callable[[str, object], None]
) -> None:
    with pgbouncer(database_url, size=SERVER_CONNECTIONS) as pooled, open_folder() as folder:
        url = pooled.for_sqlalchemy.set(drivername="postgresql").render_as_string(False)
        taskward = Taskward(folder)
        server = taskward.serve(
            "serve",
            DATABASE_URL=url,
            DATABASE_POOLER="transaction",
            DATABASE_POOL_SIZE=str(CONNECTIONS_TO_POOLER),
            BETTER_AUTH_SECRET=SECRET,
            RATE_LIMIT="off",
            LOG_LEVEL="warning",
            COVERAGE_PROCESS_CONFIG="",  # measuring its coverage would double the time
        )
        try:
            began = asyncio.get_running_loop().time()
            answers = await use_all(int(taskward.bind.rpartition(":")[2]))
            took = asyncio.get_running_loop().time() - began
            left = await left_behind(pooled)
            finished = taskward.stop(server)
        finally:
            taskward.end_all()
    record_property(
        REPORTED,
        f"Through PgBouncer: {answers.total()} requests of {CLIENTS} clients on "
        f"{SERVER_CONNECTIONS} connections in {took:.1f} s, {dict(answers)}",
    )
    expected = {name: number * CLIENTS * ROUNDS for name, number in EVERY_ROUND.items()}
    assert answers == expected
    assert answers.total() == REQUESTS
    assert finished.err == ""
    assert len({row["backend"] for row in left}) == SERVER_CONNECTIONS
    assert [{name: row[name] for name in NOTHING} for row in left] == [NOTHING] * len(left)
