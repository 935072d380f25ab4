"""SIGHUP: new workers replace the old ones. `tests/faults` does it under load."""

import json
import os
import signal

import psutil
import pytest

from tests.support.clients import get, sync_client
from tests.support.taskward import Taskward, reload_workers, workers_of
from tests.support.waiting import wait_until


def test_a_rolling_restart_rereads_settings_and_a_crash_does_not(
    taskward: Taskward, settings_of_two: dict[str, str], user: str
) -> None:
    del settings_of_two["COVERAGE_PROCESS_CONFIG"]
    file = taskward.folder / ".env"
    file.write_text("MAX_TASKS_PER_USER=1\n")
    server = taskward.serve("serve", **settings_of_two)
    with sync_client(taskward, user) as client:
        assert client.post("/api/tasks", json={"title": "x"}).status_code == 201
        file.write_text("MAX_TASKS_PER_USER=2\n")
        killed = workers_of(server)
        for each in killed:
            each.kill()
        psutil.wait_procs(killed, timeout=5)
    with sync_client(taskward, user) as client:
        assert client.post("/api/tasks", json={"title": "x"}).status_code == 409
    reload_workers(server.pid)
    with sync_client(taskward, user) as client:
        assert client.post("/api/tasks", json={"title": "x"}).status_code == 201
    taskward.stop(server)


@pytest.mark.parametrize("wrong", [b"MAX_TASKS_PER_USER=none\n", b"\xff\xfe"])
def test_a_roll_to_wrong_settings_leaves_everything_as_it_is(
    taskward: Taskward, settings_of_two: dict[str, str], wrong: bytes
) -> None:
    del settings_of_two["COVERAGE_PROCESS_CONFIG"]
    server = taskward.serve("serve", **settings_of_two)
    workers = workers_of(server)
    (taskward.folder / ".env").write_bytes(wrong)
    assert server.stderr is not None
    server.send_signal(signal.SIGHUP)
    lines: list[str] = []
    while not any("reload failed" in line for line in lines):
        lines.append(server.stderr.readline())
        assert lines[-1]
    assert workers_of(server) == workers
    # A worker that exits is replaced by one with the last valid settings.
    workers[0].kill()
    workers[0].wait(5)
    workers[1].suspend()
    assert get(taskward, "/health/ready").status_code == 200
    workers[1].resume()
    taskward.stop(server)


def test_one_process_ignores_sighup_and_says_so(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    server = taskward.serve("serve", **settings_of_two | {"WORKERS": "1"})
    server.send_signal(signal.SIGHUP)
    assert get(taskward, "/health/ready").status_code == 200
    finished = taskward.stop(server)
    assert finished.status == 0
    line = json.loads(finished.err)
    assert (line["event"], line["reason"]) == ("reload ignored", "WORKERS is 1")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_can_be_the_first_process_of_a_container(
    taskward: Taskward, settings_of_two: dict[str, str], workers: str
) -> None:
    own = ("--user", "--map-root-user") if os.geteuid() else ()
    taskward.before = ("unshare", *own, "--pid", "--fork", "--kill-child", "--mount-proc")
    unshare = taskward.serve("serve", **settings_of_two | {"WORKERS": workers})
    (server,) = psutil.Process(unshare.pid).children()
    if workers == "2":
        first, second = server.children()
        first.kill()
        wait_until(lambda: first not in server.children())
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: second not in server.children())
    assert get(taskward, "/health/ready").status_code == 200
    assert not [each for each in server.children() if each.status() == psutil.STATUS_ZOMBIE]
    server.terminate()
    unshare.communicate(timeout=20)
    assert unshare.returncode == 0
