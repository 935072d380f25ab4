"""`serve` with several workers: how they serve, are replaced, and exit."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.commands.clients import Clients, stored
from tests.support.clients import get, sync_client
from tests.support.folders import ROOT
from tests.support.taskward import QUIET, Taskward, workers_of


def test_each_worker_answers(taskward: Taskward, settings_of_two: dict[str, str]) -> None:
    server = taskward.serve("serve", **settings_of_two | {"WORKERS": "3"})
    workers = workers_of(server)
    assert len(workers) == 3
    for worker in workers:
        others = [each for each in workers if each != worker]
        for each in others:
            each.suspend()
        assert get(taskward, "/health/ready").status_code == 200
        for each in others:
            each.resume()
    assert taskward.stop(server).status == 0


def test_a_killed_worker_is_replaced_while_others_serve(
    taskward: Taskward, settings_of_two: dict[str, str], user: str
) -> None:
    began = time.monotonic()
    server = taskward.serve("serve", **settings_of_two)
    # On a machine that is busy with other tests, a start takes longer.
    limit = max(3, 2 * (time.monotonic() - began))
    killed, survivor = workers_of(server)
    clients = Clients(taskward, user)
    with clients.running(8):
        clients.wait_for_more(20)
        began = time.monotonic()
        killed.kill()
        clients.wait_for_more(20)
    assert clients.lost <= 8
    survivor.suspend()
    # A connection stays in the queue of the socket until the new worker accepts it.
    left = began + limit - time.monotonic()
    assert httpx.get(f"{taskward.base_url}/health/live", timeout=left).status_code == 200
    survivor.resume()
    assert time.monotonic() - began < limit
    assert killed not in workers_of(server)
    assert set(clients.acknowledged) <= set(stored(taskward, user))
    finished = taskward.stop(server)
    (line,) = map(json.loads, finished.err.splitlines())
    assert (line["event"], line["worker"], line["status"]) == ("worker exited", killed.pid, -9)


@pytest.mark.parametrize(
    ("number", "whole_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_a_signal_under_load_loses_no_acknowledged_task(
    taskward: Taskward, settings_of_two: dict[str, str], user: str, number: int, whole_group: bool
) -> None:
    server = taskward.serve("serve", **settings_of_two)
    workers = workers_of(server)
    clients = Clients(taskward, user)
    with clients.running(8):
        clients.wait_for_more(21)
        (os.killpg if whole_group else os.kill)(server.pid, number)
        _, errors = server.communicate(timeout=30)
    assert (server.returncode, errors) == (0, "")
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    again = taskward.serve("serve", **settings_of_two)
    assert len(clients.acknowledged) > 20
    assert sorted(clients.acknowledged) == sorted(stored(taskward, user))
    taskward.stop(again)


def test_a_killed_supervisor_leaves_no_process_and_can_restart(
    development: Taskward, user: str
) -> None:
    server = development.serve("serve", **QUIET, WORKERS="2")
    everything = psutil.Process(server.pid).children(recursive=True)
    assert {*workers_of(server)} < {*everything}
    with sync_client(development, user) as client:
        created = client.post("/api/tasks", json={"title": "x"}).raise_for_status().json()
        server.kill()
        again = development.start("serve", **QUIET, WORKERS="2")
        assert psutil.wait_procs(everything, timeout=10)[1] == []
        server.communicate()
        development.wait_for_answer(again)
    assert stored(development, user) == [created["id"]]
    assert development.stop(again).status == 0


def test_a_worker_that_is_told_to_end_is_replaced_too(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    server = taskward.serve("serve", **settings_of_two)
    workers = workers_of(server)
    for each in workers:
        each.terminate()
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    assert get(taskward, "/health/ready").status_code == 200
    assert {*workers_of(server)}.isdisjoint(workers)
    taskward.stop(server)


@pytest.mark.parametrize(("command", "workers"), [("serve", "1"), ("dev", "2")])
def test_one_process_has_no_supervisor(
    taskward: Taskward, settings_of_two: dict[str, str], command: str, workers: str
) -> None:
    server = taskward.serve(command, **settings_of_two | {"WORKERS": workers})
    assert psutil.Process(server.pid).children(recursive=True) == []
    taskward.stop(server)


@contextmanager
def supervised(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a supervisor of two workers that run a program of the test."""
    (folder / "program.py").write_text(program)
    script = (
        "from app.server.http import listener;"
        "from app.server.observability import logs;"
        "from app.server import lifecycle;"
        "from app.server.workers import process, supervisor, tally;"
        "process.END_SECONDS = 1; process.SILENT_SECONDS = 1;"
        "logs.configure_logs('info', 'json');"
        "workers = tally.WorkerTally(2); listening = listener.listen('127.0.0.1:0', 75);"
        "life = lifecycle.Lifecycle('here', 2);"
        "supervisor.supervise(listening, workers, 'program', lambda: b'an order', life)"
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


def test_a_worker_that_cannot_start_is_restarted_with_a_backoff(tmp_path: Path) -> None:
    ends: list[dict[str, object]] = []
    with supervised("raise SystemExit(3)", tmp_path) as supervisor:
        assert supervisor.stderr is not None
        while len(ends) < 8:
            line = json.loads(supervisor.stderr.readline())
            ends += [line] if line["event"] == "worker exited" else []
        supervisor.terminate()
        assert supervisor.wait(10) == 0
    assert {line["status"] for line in ends} == {3}
    pauses = sorted(float(str(line["restart_in_seconds"])) for line in ends)
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


def test_a_worker_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    program = """
import os, time
os.write(0, b'.')
time.sleep(60)
"""
    with supervised(program, tmp_path) as supervisor:
        assert supervisor.stderr is not None
        events: list[dict[str, object]] = []
        while len(events) < 4:
            line = json.loads(supervisor.stderr.readline())
            events += [line] if line["event"] in {"worker unresponsive", "worker exited"} else []
        supervisor.terminate()
        assert supervisor.wait(10) == 0
    hung = [line["worker"] for line in events if line["event"] == "worker unresponsive"]
    ended = {line["worker"]: line["status"] for line in events if line["event"] == "worker exited"}
    assert ended == dict.fromkeys(hung, -9)


def test_old_workers_stay_if_a_new_one_does_not_become_ready(tmp_path: Path) -> None:
    program = """
import os, pathlib, time
first = pathlib.Path(__file__).with_name(f'{os.getppid()}')
with first.open('a') as file: file.write('.')
if len(first.read_text()) > 2: raise SystemExit(3)
while True:
    os.write(0, b'.')
    time.sleep(0.2)
"""
    with supervised(program, tmp_path) as supervisor:
        assert supervisor.stderr is not None
        begun = psutil.Process(supervisor.pid).children
        while len(workers := begun()) < 2 or "worker started" not in supervisor.stderr.readline():
            pass
        time.sleep(1)
        supervisor.send_signal(signal.SIGHUP)
        while "reload failed" not in (line := supervisor.stderr.readline()):
            assert line
        assert json.loads(line)["workers"] == 0
        assert begun() == workers
        supervisor.terminate()
        assert supervisor.wait(10) == 0


def test_ctrl_c_ends_a_worker_that_still_starts(tmp_path: Path) -> None:
    program = """
import time
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""
    with supervised(program, tmp_path) as supervisor:
        assert supervisor.stderr is not None
        for _ in range(2):
            assert "worker started" in supervisor.stderr.readline()
        time.sleep(0.5)
        supervisor.send_signal(signal.SIGINT)
        _, errors = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 0
    assert "worker killed" not in errors
