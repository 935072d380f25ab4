"""What Prometheus is told: of each request its operation and status, and of users nothing."""

import asyncio
import fcntl
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from limits import parse

from app import create_app
from app.contract.document import Document
from app.contract.operations import operations
from app.database.database import Database
from app.database.url import DatabaseUrl
from app.server.listener import BindError
from app.server.metrics import FOLDER, exposed, exposition, recording
from app.settings import Settings
from tests.live_server import LiveServer, live
from tests.metrics import Scrape, scrape, scrape_until
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
ABSENT = "/api/tasks/019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"
LIMIT = 30
SECONDS = "taskward_request_duration_seconds"
LAG = "taskward_change_feed_lag_revisions"


@pytest.fixture(scope="module")
def bind() -> str:
    """Where the metrics are."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def settings(settings: Settings, bind: str) -> Settings:
    limit = parse(f"{LIMIT}/minute")
    return settings.model_copy(update={"metrics_bind": bind, "rate_limit": limit})


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[LiveServer]:
    """A server that is measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "SAMPLE_SECONDS", 0.05)
        with exposed(settings.metrics_bind), live(create_app(settings)) as running:
            yield running


@pytest.fixture
async def database(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=1)
    yield database
    await database.close()


@pytest.fixture
async def told(client: httpx.AsyncClient, bind: str) -> Scrape:
    """All metrics, once there was a request."""
    await client.get("/api/me")
    return scrape_until(bind, lambda found: "taskward_requests_total" in found.names)


Values = dict[tuple[str, ...], float]


def added(before: Scrape, after: Scrape, name: str) -> Values:
    """What has been added to the values of a name, by what their labels say."""
    found = {labels: value - before.get((name, labels), 0) for labels, value in after.of(name)}
    return {tuple(label for _, label in each): found[each] for each in found if found[each]}


def assert_added(before: Scrape, bind: str, expected: dict[str, Values]) -> Scrape:
    """Wait until just this has been added."""
    return scrape_until(
        bind, lambda after: expected == {name: added(before, after, name) for name in expected}
    )


async def test_requests_are_counted_by_operation_and_status(
    client: httpx.AsyncClient, bind: str
) -> None:
    before = scrape(bind)
    task = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    for path in (task, task, ABSENT, "/api/tasks?limit=0", "/health/live", "/nothing/secret"):
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
        ("getLiveness", "200"): 1.0,
        ("unknown", "404"): 1.0,
        ("unknown", "405"): 1.0,
    }
    durations: Values = {
        ("createTask",): 1.0,
        ("getTask",): 4.0,
        ("listTasks",): 2.0,
        ("getLiveness",): 1.0,
        ("unknown",): 2.0,
    }
    expected = {"taskward_requests_total": statuses, f"{SECONDS}_count": durations}
    spent = added(before, assert_added(before, bind, expected), f"{SECONDS}_sum")
    assert all(0 < seconds < 60 for seconds in spent.values())


async def test_a_label_names_no_user_no_path_and_nothing_else_that_a_client_chose(
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
    assert all(re.fullmatch(r"\d{3}", status) for status in labels.pop("status"))
    assert labels.pop("result") == {"hit", "miss"}
    assert {len(labels.pop("version")), len(labels.pop("python"))} == {1}
    assert labels.keys() == {"le"}
    assert "secret" not in str(found).lower()
    assert user not in str(found)


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
    assert_added(before, bind, {"taskward_rate_limited_requests_total": {(): 2.0}})


async def test_how_far_a_reader_of_the_feed_was_behind_is_told_each_time_it_comes_back(
    client: httpx.AsyncClient, bind: str
) -> None:
    async def create(count: int) -> None:
        for _ in range(count):
            await client.post("/api/tasks", json={"title": "x"})

    before = scrape(bind)
    await create(3)
    # Who reads for the first time has fallen behind nothing, however many pages that takes.
    page = (await client.get("/api/tasks/changes?limit=2")).json()
    page = (await client.get(f"/api/tasks/changes?since={page['next']}")).json()
    await client.get(f"/api/tasks/changes?since={page['next']}")
    await create(4)
    await client.get(f"/api/tasks/changes?since={page['next']}")
    bounds = ["0.0", "1.0", "10.0", "100.0", "1000.0", "10000.0", "100000.0", "+Inf"]
    readers: Values = {(bound,): 1.0 if float(bound) < 4 else 2.0 for bound in bounds}
    assert_added(before, bind, {f"{LAG}_sum": {(): 4.0}, f"{LAG}_bucket": readers})


async def test_connections_in_use_and_requests_that_wait_for_one_are_told(
    client: httpx.AsyncClient, bind: str, user: str, database: Database, settings: Settings
) -> None:
    task = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    size = settings.database_pool_size

    def usage(found: Scrape) -> list[float]:
        return [found.value(f"taskward_pool_{name}") for name in ("in_use", "waiting")]

    async with asyncio.TaskGroup() as group, database.user_transaction(user, locking=True):
        for _ in range(size + 2):
            group.create_task(client.patch(task, json={"title": "y"}))
        await asyncio.to_thread(scrape_until, bind, lambda found: usage(found) == [size, 2])
    found = await asyncio.to_thread(scrape_until, bind, lambda found: usage(found) == [0, 0])
    assert found.value("taskward_pool_size") >= size


async def test_who_connects_and_says_nothing_keeps_nobody_waiting(
    client: httpx.AsyncClient, bind: str
) -> None:
    host, _, port = bind.partition(":")
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(socket.create_connection((host, int(port))))
        assert "taskward_build_info" in scrape(bind).names
        assert (await client.get("/api/me")).status_code == 200


def test_who_opens_many_connections_takes_only_so_many(tmp_path: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    host, _, port = bind.partition(":")
    with exposition.serve(bind, str(tmp_path)), ExitStack() as silent:
        first, *_, last = [
            silent.enter_context(socket.create_connection((host, int(port))))
            for _ in range(exposition.MAX_CONNECTIONS + 1)
        ]
        assert last.recv(1) == b""
        first.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        with first.makefile() as answer:
            assert "taskward_build_info" in answer.read()
        # It has made room.
        assert scrape(bind).names == {"taskward_build_info"}


def test_the_room_that_values_need_is_there_from_the_start(server: LiveServer) -> None:
    assert server.port
    files = list(Path(os.environ[FOLDER]).glob("*.db"))
    assert len(files) >= 3
    for file in files:
        assert file.stat().st_size == recording.FILE_BYTES
        assert file.stat().st_blocks * 512 >= recording.FILE_BYTES


def test_the_folder_is_locked_against_those_who_tidy_up(server: LiveServer) -> None:
    assert server.port
    descriptor = os.open(os.environ[FOLDER], os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(descriptor)


def test_an_address_that_cannot_be_listened_on_is_named(server: LiveServer, bind: str) -> None:
    assert server.port
    for address, reason in ((bind, "Address already in use"), ("host.invalid:1", "")):
        with pytest.raises(BindError) as raised, exposed(address):
            pass
        assert f"cannot listen on {address}: {reason}" in str(raised.value)
        assert "set METRICS_BIND to another address" in str(raised.value)


async def test_the_dashboard_asks_for_metrics_that_there_are_and_for_each_of_them(
    told: Scrape,
) -> None:
    dashboard = (ROOT / "deploy" / "grafana-dashboard.json").read_text()
    json.loads(dashboard)
    asked_for = {*re.findall(r"\btaskward_\w+", dashboard)}
    assert asked_for <= told.names
    assert {family_of(name) for name in asked_for} == {family_of(name) for name in told.names}
    labels = {name for _, pairs in told for name, _ in pairs}
    known = {"job", *labels}  # and Prometheus itself adds the job
    assert {*re.findall(r"[{,] ?(\w+)[=!]~?\\\"", dashboard)} <= known
    for group in re.findall(r"by \(([\w, ]+)\)", dashboard):
        assert {*group.split(", ")} <= known


async def test_each_metric_is_explained_with_its_labels(told: Scrape) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    explained = {
        name: {*re.findall(r"`(\w+)`", labels)}
        for name, labels in re.findall(r"(?m)^\| `(taskward_\w+)` \| \w+ \|([^|]*)\|", page)
    }
    labels: dict[str, set[str]] = {}
    for name, pairs in told:
        labels.setdefault(family_of(name), set()).update(label for label, _ in pairs)
    assert explained == {name: found - {"le"} for name, found in labels.items()}


def family_of(name: str) -> str:
    """The name of a histogram whose value this is; of other metrics, it is the name itself."""
    return re.sub(r"_(bucket|sum|count)$", "", name)
