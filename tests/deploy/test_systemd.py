"""The systemd units are valid, give Taskward few rights, and refuse no client."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from uuid import uuid4

import psutil
import pytest

from app.database.driver.url import DatabaseUrl
from app.server.http.connections import MAX_CONNECTIONS, RESERVED_DESCRIPTORS
from tests.commands.conftest import ROOT, SECRET
from tests.tokens import claims_for, sign

DEPLOY = ROOT / "deploy"
MOST_EXPOSED = 15
"""The limit of `systemd-analyze security`, in tenths. 100 is a service that may do everything."""

# What MemoryDenyWriteExecute requests from the kernel, if the kernel supports it (Linux 6.3).
PROTECTED = (
    "import ctypes, os, sys; PR_SET_MDWE = 65; ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("there is no systemd-analyze on the PATH")
    return found


def run(*command: str | Path) -> tuple[int, str]:
    finished = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return finished.returncode, finished.stdout


def test_the_units_say_nothing_wrong(analyze: str, tmp_path: Path) -> None:
    for name in ("taskward.service", "taskward.socket"):
        unit = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(unit.replace("/opt/taskward/.venv/bin/python", sys.executable))
    units = tmp_path / "taskward.service", tmp_path / "taskward.socket"
    assert run(analyze, "verify", "--man=no", *units) == (0, "")


def test_the_service_may_do_little(analyze: str) -> None:
    unit = DEPLOY / "taskward.service"
    limit = f"--threshold={MOST_EXPOSED}"
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


def test_a_reload_before_the_program_is_imported_does_not_end_the_service(tmp_path: Path) -> None:
    unit = (DEPLOY / "taskward.service").read_text()
    (start,) = re.findall(r"(?m)^ExecStart=(.+)$", unit)
    command = start.replace("/opt/taskward/.venv/bin/python", sys.executable).split()
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


class Visitor:
    """A client that opens a connection for each request, and sends one after the other."""

    def __init__(self, port: int) -> None:
        self.answered = 0
        self.errors: list[Exception] = []
        self._port = port
        token = sign(claims_for(f"user {uuid4()}"), SECRET)
        self._headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop after the last response."""
        self._stopped.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        """Wait for this many more responses, or for an error."""
        wanted = self.answered + more
        while self.answered < wanted and not self.errors:
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._stopped.wait(0.005):
            connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("GET", "/api/me", headers=self._headers)
                assert connection.getresponse().status == 200
            except Exception as error:  # noqa: BLE001 - any error is one too many
                self.errors.append(error)
            else:
                self.answered += 1
            finally:
                connection.close()


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
    url = database_url.for_sqlalchemy.set(drivername="postgresql").render_as_string(False)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Visitor(listener.getsockname()[1]) as visitor,
    ):
        with serving(listener, url):
            visitor.wait_for(50)
        with serving(listener, url):
            visitor.wait_for(50)
            visitor.stop()
    assert visitor.errors == []
