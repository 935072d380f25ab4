"""Requests exceed the connections, or clients disconnect before their response."""

import asyncio
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import cycle, islice
from urllib.parse import urlsplit
from uuid import uuid4

from app.database.driver.pool import TIMEOUT_SECONDS
from tests.faults.database_faults import inserts_that
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import ABORTED, Ledger, RecordedRequest
from tests.faults.misbehaving_process import send_and_reset
from tests.faults.report import Row
from tests.support.http1 import request
from tests.support.tokens import token_for
from tests.support.waiting import wait_until

SMALL_POOL = 2
CLIENTS = 32
STATEMENT_SECONDS = 4
SLOW = f"PERFORM pg_sleep({STATEMENT_SECONDS});"
HONEST = 2
ABORTING_AT_ONCE = 32
LONGEST_WAIT_SECONDS = 0.02


def pool_exhausted(environment: FaultEnvironment, size: Size) -> Row:
    """Many clients wait for few connections, on which slow statements run."""
    ledger, live = Ledger(), Ledger()
    users = [f"slow {number} {uuid4()}" for number in range(CLIENTS)]
    with environment.another(DATABASE_POOL_SIZE=str(SMALL_POOL)) as other:
        clients = [other.client(each, ledger) for each in users]
        probe = other.client(users[0], live)
        keys = cycle([None, "a key"])
        with inserts_that(other, SLOW), ThreadPoolExecutor(CLIENTS) as threads:
            asked = [threads.submit(c.create, "slow", next(keys)) for c in clients]
            while wait(asked, 0.1).not_done:
                probe.ask("GET", "/health/live")
        row = other.row("The pool is exhausted", ledger, users)
        waited = max(e.seconds for e in ledger.requests if e.status == "503")
        latest = probe.ask("GET", "/api/me").seconds
        for each in (*clients, probe):
            each.close()
        other.require_clean(row, SMALL_POOL)
    row.require_statuses("201", "503")
    most = TIMEOUT_SECONDS + size.patience
    row.require(waited <= most, f"a 503 only after {waited:.1f} s")
    row.require({*live.statuses} == {"200"}, f"liveness: {live.statuses}")
    row.require(latest <= size.patience, f"the next request took {latest:.2f} s")
    extra = ledger.unanswered(row.stored)
    row.require(extra == 0, f"{extra} stored behind an answer of 503")
    row.note(f"a pool of {SMALL_POOL}, {CLIENTS} clients, inserts of {STATEMENT_SECONDS} s")
    row.note(f"503 after {waited:.2f} s at the latest")
    row.note(f"liveness in {live.slowest * 1000:.0f} ms at most")
    return row


def aborted_requests(environment: FaultEnvironment, size: Size) -> Row:
    """Clients reset their connection before the response, also in the middle of a request."""
    load, users = environment.load("honest", HONEST)
    user = f"aborting {uuid4()}"
    with load.running() as ledger:
        load.wait_for(10)
        asyncio.run(_abort(environment.base_url, token_for(user), size.aborted))
        load.wait_for(10)
    began = time.monotonic()
    ledger.requests += [RecordedRequest(began, began, ABORTED)] * size.aborted
    row = environment.row("Requests are aborted", ledger, users)
    environment.require_clean(row)
    wait_until(lambda: environment.clients() == 0)  # long before an idle connection is closed
    row.require_statuses("200", "201", ABORTED)
    stored = environment.run("SELECT task_count FROM users WHERE id = $1", user)
    row.note(f"{sum(stored):,} tasks of the aborting clients stored, whole ones")
    row.note(f"{ABORTING_AT_ONCE} at once, reset after 0 to {LONGEST_WAIT_SECONDS * 1000:.0f} ms")
    return row


async def _abort(base_url: str, token: str, count: int) -> None:
    address = urlsplit(base_url)
    requests = islice(cycle(_requests(token)), count)

    async def abort_some() -> None:
        for each in requests:
            wait_seconds = random.uniform(0, LONGEST_WAIT_SECONDS)  # noqa: S311 - no secret
            await send_and_reset((str(address.hostname), address.port or 80), each, wait_seconds)

    await asyncio.gather(*(abort_some() for _ in range(ABORTING_AT_ONCE)))


def _requests(token: str) -> list[bytes]:
    task = json.dumps({"title": "aborted"}).encode()
    create = {"op": "create", "task": {"title": "aborted"}}
    batch = json.dumps({"operations": [create] * 5}).encode()
    key = f"Idempotency-Key: {uuid4()}"
    whole = [
        request("POST /api/tasks", token=token, body=task),
        request("POST /api/tasks", key, token=token, body=task),
        request("POST /api/tasks/batch", token=token, body=batch),
        request("GET /api/tasks", token=token),
    ]
    return [*whole, whole[0][:-5], whole[3][:40]]
