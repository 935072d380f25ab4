"""The systemd units are valid, give Taskward few rights, and refuse no client."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.database.driver.url import DatabaseUrl
from app.server.http.connections import MAX_CONNECTIONS, RESERVED_DESCRIPTORS
from tests.support.clients import get
from tests.support.folders import ROOT
from tests.support.programs import program
from tests.support.tokens import SECRET
from tests.support.waiting import wait_until

DEPLOY = ROOT / "deploy"
PROGRAM = "/opt/taskward/.venv/bin/taskward"
MOST_EXPOSED = 15
"""The limit of `systemd-analyze security`, in tenths. 100 is a service that may do everything."""

# What MemoryDenyWriteExecute requests from the kernel, if the kernel supports it (Linux 6.3).
PROTECTED = (
    "import ctypes, os, sys; PR_SET_MDWE = 65; ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


def run(*command: str | Path) -> tuple[int, str]:
    finished = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return finished.returncode, finished.stdout


def test_the_units_say_nothing_wrong(tmp_path: Path) -> None:
    for name in ("taskward.service", "taskward.socket"):
        unit = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(unit.replace(PROGRAM, sys.executable))
    units = tmp_path / "taskward.service", tmp_path / "taskward.socket"
    assert run(program("systemd-analyze"), "verify", "--man=no", *units) == (0, "")


def test_the_service_may_do_little() -> None:
    unit = DEPLOY / "taskward.service"
    limit = f"--threshold={MOST_EXPOSED}"
    analyze = program("systemd-analyze")
    status, said = run(analyze, "security", "--offline=true", "--no-pager", limit, unit)
    assert status == 0, said


def test_a_start_that_fails_is_tried_again_however_often() -> None:
    # While the database is down, systemd would otherwise give up after five starts in ten seconds.
    unit = (DEPLOY / "taskward.service").read_text().splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0"} < set(unit)


def test_the_service_has_the_limits_that_the_page_computes() -> None:
    unit = dict(re.findall(r"(?m)^(\w+)=(\w+)$", (DEPLOY / "taskward.service").read_text()))
    processes = 4 + 2
    assert unit["MemoryHigh"] == f"{processes * 400}M"
    assert unit["MemoryMax"] == f"{processes * 500}M"
    assert unit["TasksMax"] == f"{processes * 64}"
    assert int(unit["LimitNOFILE"]) > MAX_CONNECTIONS + RESERVED_DESCRIPTORS


def test_a_reload_during_the_import_does_not_end_the_service(tmp_path: Path) -> None:
    unit = (DEPLOY / "taskward.service").read_text()
    (start,) = re.findall(r"(?m)^ExecStart=(.+)$", unit)
    command = start.replace(PROGRAM, f"{sys.executable} -m app").split()
    environment = {"PYTHONPATH": str(ROOT)}
    starting = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    while "python" not in psutil.Process(starting.pid).name():
        assert starting.poll() is None
    starting.send_signal(signal.SIGHUP)
    _, said = starting.communicate(timeout=30)
    assert starting.returncode == 1
    assert "there is no key to verify tokens" in said


class Visitors:
    """A client that opens a connection for each request, and sends one after the other."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        self.answered = 0
        self.stopped = threading.Event()

    def visit(self) -> None:
        """Send requests until stopped. Each must succeed."""
        while not self.stopped.wait(0.005):
            assert get(self, "/api/me", "ada").status_code == 200
            self.answered += 1

    def wait_for(self, more: int) -> None:
        """Wait for this many more responses."""
        wanted = self.answered + more
        wait_until(lambda: self.answered >= wanted)


@contextmanager
def serving(listener: socket.socket, url: str) -> Iterator[None]:
    """Run a Taskward on an inherited socket, as systemd starts and stops it."""
    environment = {
        "PATH": os.environ["PATH"],
        "BIND": f"fd://{listener.fileno()}",
        "DATABASE_URL": url,
        "BETTER_AUTH_SECRET": SECRET,
        "LOG_LEVEL": "warning",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROTECTED, "-m", "app", "serve"],
        cwd=ROOT,
        env=environment,
        pass_fds=[listener.fileno()],
    )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_a_restart_behind_an_inherited_socket_refuses_nobody(database_url: DatabaseUrl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        visitors = Visitors(listener.getsockname()[1])
        visiting = thread.submit(visitors.visit)
        try:
            with serving(listener, database_url.text):
                visitors.wait_for(50)
            with serving(listener, database_url.text):
                visitors.wait_for(50)
                visitors.stopped.set()
                visiting.result()
        finally:
            visitors.stopped.set()
