"""Each request is counted once, with the right labels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args
from uuid import UUID, uuid4

import asyncpg
import httpx
import structlog

from app import create_app
from app.auth.errors import Reason
from app.auth.in_flight import MAX_REQUESTS
from app.database.driver.url import DatabaseUrl
from app.live.links import CARRIERS
from app.live.waiters import EARLY
from app.server.background import Result, Work
from app.settings import Settings
from app.tasks.changes import ChangeToken
from quart_contract.document import Document
from quart_contract.operations import operations
from quart_contract.problems import ProblemCatalogue
from tests.server.metrics.conftest import LIMIT
from tests.support.live_server import LiveServer, live
from tests.support.metrics import Scrape, scrape, scrape_until
from tests.support.tokens import token_for

ABSENT = "/api/tasks/019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"
SECONDS = "taskward_request_duration_seconds"
CODES = [
    "task_not_found",
    "invalid_request",
    "invalid_token",
    "path_not_found",
    "method_not_allowed",
]
REJECTED = "taskward_tokens_rejected_total"
LAG = "taskward_change_feed_lag_revisions"
Values = dict[tuple[str, ...], float]


def added(before: Scrape, after: Scrape, name: str) -> Values:
    """Return by how much the values of a name have grown, by their labels."""
    found = {labels: value - before.get((name, labels), 0) for labels, value in after.of(name)}
    return {tuple(label for _, label in each): found[each] for each in found if found[each]}


def assert_added(before: Scrape, bind: str, expected: dict[str, Values]) -> Scrape:
    """Wait until exactly these values were added."""
    return scrape_until(
        bind, lambda after: expected == {name: added(before, after, name) for name in expected}
    )


async def test_requests_are_counted_by_operation_and_status(
    client: httpx.AsyncClient, bind: str
) -> None:
    before = scrape(bind)
    task = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    for path in (task, task, ABSENT, "/api/tasks?limit=0", "/nothing/secret"):
        await client.get(path)
    await client.head(task)
    await client.delete("/api/tasks")
    await client.get("/api/tasks", headers={"Authorization": "Bearer x"})
    statuses: Values = {
        ("createTask", "201"): 1.0,
        ("getTask", "200"): 3.0,
        ("getTask", "404"): 1.0,
        ("listTasks", "422"): 1.0,
        ("listTasks", "401"): 1.0,
        ("unknown", "404"): 1.0,
        ("unknown", "405"): 1.0,
    }
    durations: Values = {
        ("createTask",): 1.0,
        ("getTask",): 4.0,
        ("listTasks",): 2.0,
        ("unknown",): 2.0,
    }
    problems: Values = {(code,): 1.0 for code in CODES}
    expected: dict[str, Values] = {
        "taskward_requests_total": statuses,
        f"{SECONDS}_count": durations,
        "taskward_problems_total": problems,
    }
    spent = added(before, assert_added(before, bind, expected), f"{SECONDS}_sum")
    assert all(0 < seconds < 60 for seconds in spent.values())


async def test_a_wait_is_sampled_and_is_no_duration(client: httpx.AsyncClient, bind: str) -> None:
    before = scrape(bind)
    with structlog.testing.capture_logs() as lines:
        waiting = asyncio.create_task(client.get("/api/tasks/changes", params={"wait": 3}))
        found = await asyncio.to_thread(
            scrape_until, bind, lambda each: each.value("taskward_waiting") == 1
        )
        assert found.value("taskward_waiting_limit") > 1
        assert found.value("taskward_signals", carrier="listen") > 0
        assert found.value("taskward_signals", carrier="polling") == 0
        assert found.value("taskward_signals_lost") == 0
        assert (await waiting).status_code == 200
    (line,) = (each for each in lines if each.get("route") == "/api/tasks/changes")
    assert line["waited_seconds"] >= 3 * (1 - EARLY)
    assert line["milliseconds"] < 2000
    after = assert_added(before, bind, {f"{SECONDS}_count": {("listChanges",): 1.0}})
    assert added(before, after, f"{SECONDS}_sum")[("listChanges",)] < 2


async def test_problems_inside_a_response_are_counted(client: httpx.AsyncClient, bind: str) -> None:
    before = scrape(bind)
    delete = {"op": "delete", "id": str(uuid4())}
    await client.post("/api/tasks/batch", json={"mode": "each", "operations": [delete, delete]})
    assert_added(before, bind, {"taskward_problems_total": {("task_not_found",): 1.0}})


async def test_rejected_tokens_are_counted_by_reason(
    anonymous: httpx.AsyncClient, bind: str
) -> None:
    before = scrape(bind)
    assert {labels for labels, _ in before.of(REJECTED)} == {
        (("reason", each.value),) for each in Reason
    }
    for token in ("opaque", "a.b.c.d.e", "opaque", token_for("ada", iat=0, exp=1)):
        await anonymous.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    await anonymous.get("/api/me")
    expected: Values = {("not_a_jwt",): 2, ("encrypted",): 1, ("expired",): 1}
    assert_added(before, bind, {REJECTED: expected})


async def test_no_label_has_a_value_that_a_client_chose(
    client: httpx.AsyncClient, user: str, bind: str, contract: Document
) -> None:
    await client.get("/nothing/secret?secret", headers={"X-Request-Id": "secret"})
    await client.request("SECRET", "/api/tasks")
    await client.get(ABSENT)
    found = scrape(bind)
    labels: dict[str, set[str]] = {}
    for _, pairs in found:
        for name, value in pairs:
            labels.setdefault(name, set()).add(value)
    assert labels.pop("operation") <= {"unknown", *(each.id for each in operations(contract))}
    assert labels.pop("status") - {"none"} <= {str(status) for status in range(100, 600)}
    assert labels.pop("code") < set(ProblemCatalogue(contract).kinds)
    assert labels.pop("check") == {"database", "schema", "isolation", "keys"}
    assert labels.pop("process") == {"main"}
    assert labels.pop("reason") == {*Reason}
    assert labels.pop("work") == {*get_args(Work)}
    assert labels.pop("result") == {"hit", "miss", *get_args(Result)}
    assert {len(labels.pop("version")), len(labels.pop("python"))} == {1}
    assert labels.pop("carrier") == {*CARRIERS}
    assert labels.keys() == {"le"}
    assert "secret" not in str(found).lower()
    assert user not in str(found)


async def test_health_checks_are_not_counted_as_requests(
    anonymous: httpx.AsyncClient, bind: str
) -> None:
    before = scrape(bind)
    for path in ("/health/live", "/health/ready", "/health/live?x", "/health/ready"):
        await anonymous.get(path)
    probes: Values = {
        ("getLiveness", "200"): 1.0,
        ("getLiveness", "422"): 1.0,
        ("getReadiness", "200"): 2.0,
    }
    others: dict[str, Values] = {
        "taskward_requests_total": {},
        f"{SECONDS}_count": {},
        "taskward_problems_total": {},
    }
    assert_added(before, bind, {"taskward_probes_total": probes} | others)


async def test_a_token_misses_once_and_then_hits(client: httpx.AsyncClient, bind: str) -> None:
    before = scrape(bind)
    for _ in range(3):
        await client.get("/api/me")
    await client.get("/api/me", headers={"Authorization": "Bearer x"})
    await client.get("/health/live")
    looked_up: Values = {("hit",): 2.0, ("miss",): 2.0}
    assert_added(before, bind, {"taskward_token_lookups_total": looked_up})


async def test_requests_that_a_rate_limit_refuses_are_counted(
    client: httpx.AsyncClient, bind: str
) -> None:
    before = scrape(bind)
    statuses = [(await client.get("/api/me")).status_code for _ in range(LIMIT + 2)]
    assert statuses == [200] * LIMIT + [429, 429]
    assert_added(before, bind, {"taskward_problems_total": {("rate_limited",): 2.0}})


async def test_requests_beyond_those_in_flight_are_counted_apart(
    client: httpx.AsyncClient, bind: str, server: LiveServer, user: str
) -> None:
    in_flight = server.app.services.in_flight
    flights = [in_flight.enter(user) for _ in range(MAX_REQUESTS)]
    before = scrape(bind)
    assert (await client.get("/api/me")).status_code == 429
    for flight in flights:
        flight.requests -= 1
    assert_added(before, bind, {"taskward_problems_total": {("too_many_in_flight",): 1.0}})


async def test_the_lag_of_a_returning_reader_is_recorded_each_time(
    client: httpx.AsyncClient, bind: str
) -> None:
    async def create(count: int) -> None:
        for _ in range(count):
            await client.post("/api/tasks", json={"title": "x"})

    before = scrape(bind)
    await create(3)
    # A first sync is not behind, however many pages it has.
    page = (await client.get("/api/tasks/changes?limit=2")).json()
    page = (await client.get(f"/api/tasks/changes?since={page['next']}")).json()
    await client.get(f"/api/tasks/changes?since={page['next']}")
    await create(4)
    await client.get(f"/api/tasks/changes?since={page['next']}")
    bounds = ["0.0", "1.0", "10.0", "100.0", "1000.0", "10000.0", "100000.0", "+Inf"]
    readers: Values = {(bound,): 1.0 if float(bound) < 4 else 2.0 for bound in bounds}
    assert_added(before, bind, {f"{LAG}_sum": {(): 4.0}, f"{LAG}_bucket": readers})


async def test_a_token_that_was_forged_tells_of_no_lag_that_cannot_be(
    client: httpx.AsyncClient, bind: str
) -> None:
    before = scrape(bind)
    await client.post("/api/tasks", json={"title": "x"})
    token = (await client.get("/api/tasks/changes")).json()["next"]
    genuine = ChangeToken.decode(token)
    for forged in (genuine._replace(position=2**62), ChangeToken(UUID(int=0), 2**62, 0)):
        await client.get(f"/api/tasks/changes?since={forged.encode()}")
    await client.get(f"/api/tasks/changes?since={token}")
    after = scrape_until(bind, lambda after: added(before, after, f"{LAG}_count") == {(): 2})
    assert added(before, after, f"{LAG}_sum") == {(): 1.0}


async def test_connections_in_use_and_waiting_requests_are_recorded(
    bind: str, anonymous: httpx.AsyncClient, database_url: DatabaseUrl, settings: Settings
) -> None:
    size = settings.database_pool_size
    users = [f"user-{uuid4()}" for _ in range(size)]
    names = "pool_in_use", "pool_waiting", "share_waiting"

    async def create(user: str) -> None:
        headers = {"Authorization": f"Bearer {token_for(user)}"}
        await anonymous.post("/api/tasks", json={"title": "x"}, headers=headers)

    def usage(found: Scrape) -> list[float]:
        return [found.value(f"taskward_{name}") for name in names]

    # A share is two of five connections. Each user has one request more than that.
    share = size // 2
    async with asyncio.TaskGroup() as group, locked_users(database_url):
        for user in users * (share + 1):
            group.create_task(create(user))
        expected = [size, share * size - size, size]
        await asyncio.to_thread(scrape_until, bind, lambda found: usage(found) == expected)
    found = await asyncio.to_thread(scrape_until, bind, lambda found: usage(found) == [0, 0, 0])
    assert found.value("taskward_pool_size") >= size


async def test_searches_that_run_and_that_wait_are_recorded(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, bind: str, database_url: DatabaseUrl
) -> None:
    def usage(found: Scrape) -> list[float]:
        return [found.value(f"taskward_searches_{name}") for name in ("in_use", "waiting")]

    async with asyncio.TaskGroup() as group, locked_users(database_url):
        for each in (client, client, client, stranger):
            group.create_task(each.get("/api/tasks?q=x"))
        await asyncio.to_thread(scrape_until, bind, lambda found: usage(found) == [2, 2])
    await asyncio.to_thread(scrape_until, bind, lambda found: usage(found) == [0, 0])


@asynccontextmanager
async def locked_users(url: DatabaseUrl) -> AsyncIterator[None]:
    """Lock the table of users, so that the statements of all requests wait."""
    login = await asyncpg.connect(**url.for_driver)
    try:
        async with login.transaction():
            await login.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await login.close()


async def test_every_known_value_of_a_label_exists_from_the_start(
    scraped: Scrape, contract: Document
) -> None:
    values = {name: {labels for labels, _ in scraped.of(name)} for name in scraped.names}
    health = {"getLiveness", "getReadiness"}
    for operation in operations(contract):
        name = "probes" if operation.id in health else "requests"
        expected = {
            (("operation", operation.id), ("status", status))
            for status in {*operation.responses, "500", "none"}
        }
        assert expected <= values[f"taskward_{name}_total"]
        duration = (("operation", operation.id),)
        assert (duration in values[f"{SECONDS}_count"]) == (operation.id not in health)
    codes = {value for labels in values["taskward_problems_total"] for _, value in labels}
    assert codes == ProblemCatalogue(contract).kinds.keys() - {"not_ready"}
    assert len(values["taskward_housekeeping_runs_total"]) == len(get_args(Work)) * 3
    assert len(values["taskward_reloads_total"]) == 2


async def test_readiness_is_a_gauge_that_follows_each_check(
    settings: Settings, empty_database: DatabaseUrl, bind: str, server: LiveServer
) -> None:
    assert server.port
    bare = settings.model_copy(update={"database_url": empty_database})
    with live(create_app(bare)):
        ready = {"check": "schema"}, {"check": "isolation"}, {"check": "keys"}
        wanted = [0, 0, 1]
        await asyncio.to_thread(
            scrape_until,
            bind,
            lambda found: [found.value("taskward_ready", **each) for each in ready] == wanted,
        )
