"""Metrics of `serve` with several workers: they are one sum, even after a worker was killed."""

import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from app.database.driver.url import DatabaseUrl
from app.server.observability.metrics import FOLDER
from tests.support.metrics import Scrape, scrape, scrape_until
from tests.support.ports import free_port
from tests.support.taskward import Taskward, workers_of
from tests.support.tokens import SECRET

POOL_SIZE = 3


@pytest.fixture
def environment(database_url: DatabaseUrl) -> dict[str, str]:
    """Settings for two workers on the database that all tests share."""
    url = database_url.text
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": str(POOL_SIZE),
        "LOG_LEVEL": "warning",
        "WORKERS": "2",
    }


@pytest.fixture
def metrics_bind() -> str:
    """The address of the metrics endpoint."""
    return f"127.0.0.1:{free_port()}"


def alive(found: Scrape) -> float:
    """Return how many liveness requests were counted."""
    return found.value("taskward_probes_total", operation="getLiveness", status="200")


def processes(found: Scrape) -> set[str]:
    """Return the processes that are measured."""
    return {dict(labels)["process"] for labels, _ in found.of("process_resident_memory_bytes")}


def ask_without(worker: psutil.Process, base_url: str, times: int) -> None:
    """Send liveness requests while a worker is suspended, so that the other one responds."""
    worker.suspend()
    for _ in range(times):
        httpx.get(f"{base_url}/health/live", timeout=10)
    worker.resume()


def test_counters_of_workers_are_summed_and_survive_their_exit(
    taskward: Taskward, environment: dict[str, str], metrics_bind: str
) -> None:
    server = taskward.serve("serve", **environment, METRICS_BIND=metrics_bind)
    folder = Path(psutil.Process(server.pid).children()[0].environ()[FOLDER])
    assert folder.stat().st_mode & 0o077 == 0
    first, second = workers_of(server)
    before = alive(scrape(metrics_bind))
    ask_without(first, taskward.base_url, 2)
    ask_without(second, taskward.base_url, 3)
    scrape_until(metrics_bind, lambda found: alive(found) == before + 5)
    scrape_until(metrics_bind, lambda found: found.value("taskward_pool_size") == 2 * POOL_SIZE)

    assert processes(scrape(metrics_bind)) == {"main", "worker-1", "worker-2"}

    first.kill()
    found = scrape_until(metrics_bind, lambda found: found.value("taskward_pool_size") == POOL_SIZE)
    assert alive(found) == before + 5
    found = scrape_until(
        metrics_bind, lambda found: found.value("taskward_pool_size") == 2 * POOL_SIZE
    )
    assert alive(found) == before + 5
    ask_without(second, taskward.base_url, 2)
    found = scrape_until(metrics_bind, lambda found: alive(found) == before + 7)
    assert processes(found) == {"main", "worker-1", "worker-2"}
    assert found.value("taskward_workers_configured") == 2
    assert found.value("taskward_workers_running") == 2
    assert found.value("taskward_worker_restarts_total") == 1
    # The new worker has continued the files of the killed one.
    assert len(list(folder.glob("counter_*.db"))) == 3

    (taskward.folder / ".env").write_text("RATE_LIMIT=x")
    server.send_signal(signal.SIGHUP)
    failed = {"result": "failed"}
    scrape_until(metrics_bind, lambda found: found.value("taskward_reloads_total", **failed) == 1)

    finished = taskward.stop(server)
    assert finished.status == 0
    assert not folder.exists()


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_an_address_of_metrics_that_is_taken_is_named(
    taskward: Taskward, environment: dict[str, str], command: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bind = f"127.0.0.1:{listener.getsockname()[1]}"
        finished = taskward.run(command, **environment, METRICS_BIND=bind)
    assert finished.status == 1
    assert f"METRICS_BIND: cannot listen on {bind}: Address already in use" in finished.err
    assert "Traceback" not in finished.err
