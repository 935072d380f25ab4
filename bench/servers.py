"""The servers: start them, stop them, and read the CPU time and memory that they use."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from bench.errors import BenchError
from bench.systems import ROOT, System
from tests.support.ports import free_port

START_SECONDS = 60
STOP_SECONDS = 10
_LOG_LINES = 20


class Server(NamedTuple):
    """A running system. Its usage is that of all of its processes, without PostgreSQL's."""

    system: System
    pid: int
    base_url: str

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, in seconds."""
        times = [each.cpu_times() for each in self._processes()]
        return sum(each.user + each.system for each in times)

    def megabytes(self) -> float:
        """Return the resident memory in MB."""
        return sum(int(each.memory_info().rss) for each in self._processes()) / 1e6

    def peak_megabytes(self) -> float:
        """Return the peak of the resident memory in MB."""
        return sum(_peak_bytes(each) for each in self._processes()) / 1e6

    def _processes(self) -> list[psutil.Process]:
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]


@contextmanager
def serve(system: System, database_url: str, folder: Path) -> Iterator[Server]:
    """Run a system until the context ends. Raises `BenchError` if it does not become ready."""
    port, address = free_port(), database_url.partition("://")[2]
    environment = {
        name: value.format(port=port, address=address) for name, value in system.environment.items()
    }
    path = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}
    log = folder / f"{system.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [word.format(port=port) for word in system.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,  # a folder without `.env`
            env=path | environment,
            start_new_session=True,  # Ctrl-C reaches the benchmark only, which stops the servers
        )
    try:
        server = Server(system, process.pid, f"http://127.0.0.1:{port}")
        _wait_until_ready(server, process, log)
        yield server
    finally:
        _end(process)


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(server.base_url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    raise BenchError("\n".join([f"{server.system.name} does not start:", *lines]))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _peak_bytes(process: psutil.Process) -> int:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # not Linux: use the current memory
        return int(process.memory_info().rss)
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
