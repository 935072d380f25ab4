"""The servers: starts them, and stops every one of them."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from bench.errors import BenchError
from bench.systems import ROOT, System
from tests.support.ports import free_port

START_SECONDS = 60
STOP_SECONDS = 10
_LOG_LINES = 20


class Server(NamedTuple):
    """A running system."""

    system: System
    pid: int
    base_url: str


@contextmanager
def serve(system: System, database_url: str, folder: Path) -> Iterator[Server]:
    """Run a system until the context ends. Raises `BenchError` if it does not become ready."""
    port = free_port()
    address = database_url.partition("://")[2]
    log = folder / f"{system.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [word.format(port=port) for word in system.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,  # a folder without `.env`
            env=_environment(system, port, address),
            start_new_session=True,  # Ctrl-C reaches the benchmark only, which stops the servers
        )
    try:
        base_url = f"http://127.0.0.1:{port}"
        _wait_until_ready(system, process, base_url, log)
        yield Server(system, process.pid, base_url)
    finally:
        _end(process)


def _environment(system: System, port: int, address: str) -> dict[str, str]:
    given = {
        name: value.format(port=port, address=address) for name, value in system.environment.items()
    }
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT), **given}


def _wait_until_ready(
    system: System, process: subprocess.Popen[bytes], base_url: str, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(base_url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    raise BenchError("\n".join([f"{system.name} does not start:", *lines]))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
