"""Behind nginx and HAProxy, a reload and a stop of one of two servers lose no request."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from app.database.driver.url import DatabaseUrl
from tests.commands.clients import in_threads, stored
from tests.proxies.conftest import Proxy, proxy
from tests.support.taskward import QUIET, Taskward, reload_workers

CLIENTS = 2
DRAIN_SECONDS = 3
"""What the page says for its checks."""


class Load:
    """Clients that create task after task through a proxy, and read each one."""

    def __init__(self, running: Proxy, user: str) -> None:
        self.created: list[str] = []
        self.lost: list[str] = []
        self._stopped = threading.Event()
        self._proxy, self._user = running, user

    def running(self) -> AbstractContextManager[None]:
        return in_threads(self._run, CLIENTS, self._stopped)

    def _run(self) -> None:
        with self._proxy.client(self._user) as client:
            while not self._stopped.wait(0.01):
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
        time.sleep(1)
        reload_workers(stopped.pid)
        time.sleep(1)
        assert first.stop(stopped, signal.SIGTERM) == (0, "", "")
        time.sleep(1)
        before = [len(each.created) for each in loads]
        time.sleep(0.5)
    assert all(len(each.created) > was > 20 for each, was in zip(loads, before, strict=True))
    assert [each.lost for each in loads] == [[], []]
    assert {*loads[0].created, *loads[1].created} == {*stored(second, user)}
    second.stop(starting)
