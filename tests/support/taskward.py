"""Run `python -m app` as an operator does: a process, an environment, two streams."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import httpx
import psutil
import structlog

from app.__main__ import main
from app.database.embedded.postmaster import stop_leftover
from app.settings import Settings
from tests.support.folders import ROOT
from tests.support.ports import free_port
from tests.support.tokens import SECRET
from tests.support.waiting import wait_until

START_SECONDS = 30
# No test reads the log of a running server, and a full pipe would block it. The coverage of each
# process would double the time in which it starts.
QUIET = {
    "BETTER_AUTH_SECRET": SECRET,
    "RATE_LIMIT": "off",
    "LOG_LEVEL": "warning",
    "COVERAGE_PROCESS_CONFIG": "",
}
_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Finished(NamedTuple):
    """The exit status of a command, and its output."""

    status: int
    out: str
    err: str


class Taskward:
    """A data folder and an address, and commands that use them."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.folder = folder
        """The working folder of servers, in which they look for `.env`."""
        self.before: tuple[str, ...] = ()
        """A command that starts the command, such as a wrapper."""
        self.pass_fds: tuple[int, ...] = ()
        """Descriptors that servers inherit."""
        self.program: tuple[str, ...] = (sys.executable, "-m", "app")
        self.log: Path | None = None
        """A file for the output of servers, instead of pipes."""
        self.data_dir = folder / "data"
        self.port = port or free_port()
        self.bind = f"{host}:{self.port}"
        self.base_url = f"http://{self.bind}"
        self._environment = bare_environment() | {"DATA_DIR": str(self.data_dir), "BIND": self.bind}
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
        output = self.log.open("ab") if self.log else nullcontext(subprocess.PIPE)
        with output as stream:
            process = subprocess.Popen(
                [*self.before, *self.program, command],
                env=self._environment | {"PYTHONPATH": str(ROOT)} | environment,
                cwd=self.folder,
                stdout=stream,
                stderr=stream,
                text=True,
                pass_fds=self.pass_fds,
                start_new_session=True,  # a test may signal the whole group, as a terminal does
            )
        self._running.append(process)
        return process

    def wait_for_answer(self, process: subprocess.Popen[str]) -> None:
        """Wait until a server that was started before responds."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(httpx.TransportError):
                httpx.get(f"{self.base_url}/health/live", timeout=5)
                return
            time.sleep(0.05)
        raise AssertionError(process.communicate())

    def stop(self, process: subprocess.Popen[str], number: int = signal.SIGINT) -> Finished:
        """Send a signal, and wait until the process has exited; return its result."""
        process.send_signal(number)
        out, err = process.communicate(timeout=START_SECONDS)
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


def bare_environment() -> dict[str, str]:
    """Return the environment without settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields
    }


def workers_of(server: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the worker processes of a server."""
    return [each for each in psutil.Process(server.pid).children() if _is_worker(each)]


def _workers(pid: int) -> set[int]:
    return {each.pid for each in psutil.Process(pid).children() if _is_worker(each)}


def reload_workers(pid: int) -> None:
    """Send SIGHUP to a server, and wait until all of its workers are new."""
    former = _workers(pid)
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: len(_workers(pid)) == len(former) and _workers(pid).isdisjoint(former))


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any(each.endswith(".commands.worker") for each in process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def _serving_workers(server: subprocess.Popen[str]) -> int:
    """Return the number of workers that serve: only then do they handle SIGTERM."""
    mask = 1 << signal.SIGTERM - 1
    children = psutil.Process(server.pid).children(recursive=True)
    states = [Path(f"/proc/{each.pid}/status") for each in children if _is_worker(each)]
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
