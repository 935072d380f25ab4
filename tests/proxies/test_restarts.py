"""Behind nginx and HAProxy, a reload and a stop of one of two servers lose no request."""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from app.database.driver.url import DatabaseUrl
from tests.commands.clients import in_threads, stored
from tests.proxies.conftest import Proxy, proxy
from tests.support.taskward import QUIET, Taskward, reload_workers
from tests.support.waiting import wait_until

CLIENTS = 2
DRAIN_SECONDS = 3
"""What the page says for its checks."""
TASKS_PER_CONNECTION = 100
"""nginx closes a connection after 1,000 requests, and httpx reports what nginx refuses then."""
TASKS_PER_STEP = 50
"""How many tasks each load creates before the next step."""


class Load:
    """Clients that create task after task through a proxy, and read each one."""

    def __init__(self, running: Proxy, user: str) -> None:
        self.created: list[str] = []
        self.lost: list[str] = []
        self._stopped = threading.Event()
        self._proxy, self._user = running, user

    def running(self) -> AbstractContextManager[None]:
        return in_threads(self._run, CLIENTS, self._stopped)

    def wait_for_more(self, count: int) -> None:
        """Wait until `count` more tasks are created. Raises `AssertionError` after a minute."""
        enough = len(self.created) + count
        wait_until(lambda: len(self.created) >= enough)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._use_one_connection()

    def _use_one_connection(self) -> None:
        with self._proxy.client(self._user) as client:
            for _ in range(TASKS_PER_CONNECTION):
                if self._stopped.wait(0.01):
                    return
                try:
                    made = client.post("/api/tasks", json={"title": "x"})
                    read = client.get(made.headers.get("Location", "/"))
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                else:
                    self.created += [made.json()["id"]] if made.status_code == 201 else []
                    if (made.status_code, read.status_code) != (201, 200):
                        self.lost.append(f"{made.status_code} {made.text[:200]} {read.status_code}")


@pytest.fixture
def servers(tmp_path: Path, taskward: Taskward) -> Iterator[tuple[Taskward, Taskward]]:
    """Two servers of one API; the second one is in a folder of its own."""
    folder = tmp_path / "second"
    folder.mkdir()
    second = Taskward(folder)
    yield taskward, second
    second.end_all()


def wait_for_more(loads: list[Load]) -> None:
    for each in loads:
        each.wait_for_more(TASKS_PER_STEP)


def test_no_request_is_lost_in_a_reload_and_a_stop(
    servers: tuple[Taskward, Taskward], database_url: DatabaseUrl, user: str
) -> None:
    settings = {**QUIET, "DATABASE_URL": database_url.text, "DRAIN_SECONDS": str(DRAIN_SECONDS)}
    first, second = servers
    starting = second.start("serve", **settings)
    stopped = first.serve("serve", **settings, WORKERS="2")
    second.wait_for_answer(starting)
    with ExitStack() as stack:
        ports = [first.port, second.port]
        # nginx checks no health, so it has to retry. For HAProxy, the check alone is enough.
        running = proxy("nginx", ports), proxy("HAProxy", ports, retries=False)
        loads = [Load(stack.enter_context(each), user) for each in running]
        for each in loads:
            stack.enter_context(each.running())
        wait_for_more(loads)
        reload_workers(stopped.pid)
        wait_for_more(loads)
        assert first.stop(stopped, signal.SIGTERM) == (0, "", "")
        wait_for_more(loads)
    assert [each.lost for each in loads] == [[], []]
    assert {*loads[0].created, *loads[1].created} == {*stored(second, user)}
    second.stop(starting)
