"""`serve` with several workers: who answers, who replaces whom, and how all of it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from app.database.url import DatabaseUrl
from tests.commands.conftest import ROOT, SECRET, Taskward
from tests.tokens import claims_for, sign

# Nobody reads the log meanwhile, and a full pipe would stop the server.
SETTINGS = {"BETTER_AUTH_SECRET": SECRET, "RATE_LIMIT": "off", "LOG_LEVEL": "warning"}


@pytest.fixture
def settings(database_url: DatabaseUrl) -> dict[str, str]:
    """Two workers on the database that all tests share."""
    url = database_url.for_sqlalchemy.set(drivername="postgresql").render_as_string(False)
    return {**SETTINGS, "DATABASE_URL": url, "WORKERS": "2"}


def workers_of(server: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(server.pid).children()
    return [each for each in children if "app.commands.worker" in each.cmdline()]


class Clients:
    """Clients of one user, each with a connection that stays, creating one task after the other."""

    def __init__(self, base_url: str, user: str) -> None:
        self.acknowledged: list[str] = []
        self.lost = 0
        self._stopped = threading.Event()
        self._base_url = base_url
        self._headers = headers_of(user)

    def run(self) -> None:
        with httpx.Client(base_url=self._base_url, headers=self._headers, timeout=10) as client:
            while not self._stopped.wait(0.005):
                try:
                    answer = client.post("/api/tasks", json={"title": "x"})
                except httpx.TransportError:
                    self.lost += 1
                else:
                    self.acknowledged.append(answer.raise_for_status().json()["id"])

    @contextmanager
    def running(self, count: int) -> Iterator[None]:
        threads = [threading.Thread(target=self.run) for _ in range(count)]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self._stopped.set()
            for each in threads:
                each.join()


def headers_of(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign(claims_for(user), SECRET)}"}


def stored(base_url: str, user: str) -> list[str]:
    """The ids of all tasks of a user."""
    ids: list[str] = []
    with httpx.Client(base_url=base_url, headers=headers_of(user)) as client:
        page = {"next_cursor": ""}
        while page["next_cursor"] is not None:
            cursor = {"cursor": page["next_cursor"]} if ids else {}
            answer = client.get("/api/tasks", params={"limit": "200", **cursor})
            page = answer.raise_for_status().json()
            ids += [task["id"] for task in page["items"]]
    return ids


def test_each_worker_answers(taskward: Taskward, settings: dict[str, str]) -> None:
    server = taskward.serve("serve", **settings | {"WORKERS": "3"})
    workers = workers_of(server)
    assert len(workers) == 3
    for worker in workers:
        others = [each for each in workers if each != worker]
        for each in others:
            each.suspend()
        assert httpx.get(f"{taskward.base_url}/health/ready", timeout=10).status_code == 200
        for each in others:
            each.resume()
    assert taskward.stop(server).status == 0


def test_the_others_serve_on_when_a_worker_is_killed_and_it_is_replaced_within_3_seconds(
    taskward: Taskward, settings: dict[str, str], user: str
) -> None:
    server = taskward.serve("serve", **settings)
    killed, survivor = workers_of(server)
    clients = Clients(taskward.base_url, user)
    with clients.running(8):
        time.sleep(0.5)
        began = time.monotonic()
        killed.kill()
        before = len(clients.acknowledged)
        time.sleep(0.5)
        assert len(clients.acknowledged) > before
    assert clients.lost <= 8
    survivor.suspend()
    # A connection waits in the queue of the socket until the new worker takes it.
    left = began + 3 - time.monotonic()
    assert httpx.get(f"{taskward.base_url}/health/live", timeout=left).status_code == 200
    survivor.resume()
    assert time.monotonic() - began < 3
    assert killed not in workers_of(server)
    assert set(clients.acknowledged) <= set(stored(taskward.base_url, user))
    finished = taskward.stop(server)
    (line,) = map(json.loads, finished.err.splitlines())
    assert (line["event"], line["worker"], line["status"]) == ("worker ended", killed.pid, -9)


@pytest.mark.parametrize(
    ("number", "whole_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_a_signal_under_load_loses_no_acknowledged_task(
    taskward: Taskward, settings: dict[str, str], user: str, number: int, whole_group: bool
) -> None:
    server = taskward.serve("serve", **settings)
    workers = workers_of(server)
    clients = Clients(taskward.base_url, user)
    with clients.running(8):
        time.sleep(1)
        (os.killpg if whole_group else os.kill)(server.pid, number)
        _, errors = server.communicate(timeout=30)
    assert (server.returncode, errors) == (0, "")
    assert psutil.wait_procs(workers, timeout=1)[1] == []
    again = taskward.serve("serve", **settings)
    assert len(clients.acknowledged) > 20
    assert sorted(clients.acknowledged) == sorted(stored(taskward.base_url, user))
    taskward.stop(again)


def test_nothing_outlives_a_kill_of_the_supervisor_and_the_next_start_works(
    taskward: Taskward, user: str
) -> None:
    server = taskward.serve("serve", **SETTINGS, WORKERS="2")
    everything = psutil.Process(server.pid).children(recursive=True)
    assert {*workers_of(server)} < {*everything}
    with httpx.Client(base_url=taskward.base_url, headers=headers_of(user)) as client:
        created = client.post("/api/tasks", json={"title": "x"}).raise_for_status().json()
        server.kill()
        again = taskward.start("serve", **SETTINGS, WORKERS="2")
        assert psutil.wait_procs(everything, timeout=10)[1] == []
        server.communicate()
        taskward.wait_for_answer(again)
    assert stored(taskward.base_url, user) == [created["id"]]
    assert taskward.stop(again).status == 0


def test_a_worker_that_is_told_to_end_is_replaced_too(
    taskward: Taskward, settings: dict[str, str]
) -> None:
    server = taskward.serve("serve", **settings)
    workers = workers_of(server)
    for each in workers:
        each.terminate()
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    assert httpx.get(f"{taskward.base_url}/health/ready", timeout=10).status_code == 200
    assert {*workers_of(server)}.isdisjoint(workers)
    taskward.stop(server)


@pytest.mark.parametrize(("command", "workers"), [("serve", "1"), ("dev", "2")])
def test_one_process_has_no_supervisor(
    taskward: Taskward, settings: dict[str, str], command: str, workers: str
) -> None:
    server = taskward.serve(command, **settings | {"WORKERS": workers})
    assert psutil.Process(server.pid).children(recursive=True) == []
    taskward.stop(server)


@contextmanager
def supervised(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A supervisor of two workers that run a program of the test."""
    (folder / "program.py").write_text(program)
    script = (
        "from app.server import listener, logs, workers; workers.END_SECONDS = 1;"
        "logs.configure_logs('info', 'json');"
        "workers.supervise(listener.listen('127.0.0.1:0'), 2, 'program', b'an order')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_that_cannot_start_is_tried_again_ever_more_rarely(tmp_path: Path) -> None:
    ends: list[dict[str, object]] = []
    with supervised("raise SystemExit(3)", tmp_path) as supervisor:
        assert supervisor.stderr is not None
        while len(ends) < 8:
            line = json.loads(supervisor.stderr.readline())
            ends += [line] if line["event"] == "worker ended" else []
        supervisor.terminate()
        assert supervisor.wait(10) == 0
    assert {line["status"] for line in ends} == {3}
    pauses = sorted(float(str(line["again_in_seconds"])) for line in ends)
    assert pauses == pytest.approx([0.1, 0.1, 0.3, 0.3, 0.9, 0.9, 2.7, 2.7])


def test_a_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    program = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(2, os.read(0, 8) + b'\\n')
time.sleep(60)
"""
    with supervised(program, tmp_path) as supervisor:
        assert supervisor.stderr is not None
        while "an order" not in (line := supervisor.stderr.readline()):
            assert line
        supervisor.terminate()
        _, errors = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 0
    assert len(re.findall("worker killed", errors)) >= 1
