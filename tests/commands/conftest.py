"""Fixtures that run `python -m app` as an operator does: a process, an environment, two streams."""

import asyncio
import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import httpx
import psutil
import pytest
import structlog

from app.__main__ import main
from app.auth.in_flight import InFlight
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.embedded.postmaster import stop_leftover
from app.server.http.application import Application, Services
from app.settings import Settings
from app.tasks.wall import WALL
from tests.commands.processes import is_worker
from tests.support.folders import open_folder
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
SECRET = "kG7vT2qLx9Zp4RmWb8NcYd3HsJf6AeUo"
# No test reads the log of a running server, and a full pipe would block it.
QUIET = {"BETTER_AUTH_SECRET": SECRET, "RATE_LIMIT": "off", "LOG_LEVEL": "warning"}
_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Finished(NamedTuple):
    """The exit status of a command, and its output."""

    status: int
    out: str
    err: str


class Taskward:
    """A data folder and an address, and commands that use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """The working folder of servers, in which they look for `.env`."""
        self.before: tuple[str, ...] = ()
        """A command that starts the command, such as a wrapper."""
        self.data_dir = folder / "data"
        self.bind = f"127.0.0.1:{free_port()}"
        self.base_url = f"http://{self.bind}"
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if name.lower() not in Settings.model_fields
        } | {"DATA_DIR": str(self.data_dir), "BIND": self.bind}
        self._running: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str, **environment: str) -> Finished:
        """Run a command to its end, in this process: starting another one takes a second."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self._environment | environment, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            _undone(),
        ):
            try:
                status = main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Finished(status, out.getvalue(), err.getvalue())

    def serve(self, command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a server, and wait until it serves with all of its workers."""
        process = self.start(command, **environment)
        self.wait_for_answer(process)
        workers = int(environment.get("WORKERS", "1"))
        while command == "serve" and workers > 1 and _serving_workers(process) < workers:
            assert process.poll() is None
            time.sleep(0.05)
        return process

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a server without waiting for it."""
        return self._spawn((command,), environment)

    def wait_for_answer(self, process: subprocess.Popen[str]) -> None:
        """Wait until a server that was started before responds."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{self.base_url}/health/live", timeout=5)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(process.communicate())

    def stop(self, process: subprocess.Popen[str], number: int = signal.SIGINT) -> Finished:
        """Send a signal, and wait until the process has exited; return its result."""
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        return Finished(process.returncode, out, err)

    def end_all(self) -> None:
        """Kill the processes that a failed test left running."""
        for process in self._running:
            if process.poll() is None:
                # Its workers, too: a worker that a test has suspended would not exit.
                for each in psutil.Process(process.pid).children(recursive=True):
                    each.kill()
                process.kill()
                process.communicate()
        stop_leftover((self.data_dir / "postgresql").resolve())

    def _spawn(
        self, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self.before, sys.executable, "-m", "app", *arguments],
            env=self._environment | environment | {"PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a test may signal the whole process group, as a terminal does
        )
        self._running.append(process)
        return process


def bare_application(url: DatabaseUrl | None = None) -> Application:
    """Create an app without operations. Without a URL, its database does not exist."""
    app = Application(__name__)
    database = Database(url or DatabaseUrl("postgresql://ada@127.0.0.1:1/x"), 1, wall=WALL)
    app.services = Services(database, InFlight(), asyncio.Event())
    return app


@pytest.fixture
def taskward() -> Iterator[Taskward]:
    """A separate Taskward for a test."""
    with open_folder() as folder:
        own = Taskward(folder)
        yield own
        own.end_all()


@pytest.fixture
def settings_of_two(database_url: DatabaseUrl) -> dict[str, str]:
    """Settings for two workers on the database that all tests share."""
    url = database_url.for_sqlalchemy.set(drivername="postgresql").render_as_string(False)
    return {**QUIET, "DATABASE_URL": url, "WORKERS": "2"}


@pytest.fixture
def pasted() -> Callable[[str], str]:
    """Return a function that runs the `curl` command of a banner in a shell."""

    def paste(banner: str) -> str:
        (command,) = re.findall(r"(?ms)^curl .*?[^\\]$", banner)
        finished = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
        )
        return finished.stdout

    return paste


def _serving_workers(server: subprocess.Popen[str]) -> int:
    """Return the number of workers that serve: only then do they handle SIGTERM."""
    mask = 1 << signal.SIGTERM - 1
    children = psutil.Process(server.pid).children(recursive=True)
    states = [Path(f"/proc/{each.pid}/status") for each in children if is_worker(each)]
    caught = [re.search(r"SigCgt:\s*(\w+)", each.read_text()) for each in states if each.exists()]
    return sum(bool(int(each[1], 16) & mask) for each in caught if each)


@contextmanager
def _undone() -> Iterator[None]:
    """Undo a command's changes to this process."""
    root = logging.getLogger()
    handlers, level, structure = root.handlers, root.level, structlog.get_config()
    actions = {each: signal.getsignal(each) for each in _SIGNALS}
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**structure)
        for each, action in actions.items():
            signal.signal(each, action)
