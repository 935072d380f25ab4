"""Folders for embedded databases, and Python processes that serve them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.database.embedded import place
from app.database.embedded.postmaster import find_process, stop_leftover
from tests.support.folders import open_folder

ROOT = Path(__file__).parents[3]
SERVE = """
import sys, time
from pathlib import Path
from app.database import embedded
server = embedded.start(Path(sys.argv[1]))
print(server.url, flush=True)
time.sleep(60)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder. A PostgreSQL that still serves it at the end is stopped."""
    with open_folder() as folder:
        yield folder / "data"
        stop_leftover((folder / "data" / "postgresql").resolve())


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for clusters whose data folder the account of PostgreSQL may not enter."""
    with open_folder() as folder:
        monkeypatch.setattr(place, "RUNTIME", folder)
        yield folder


@pytest.fixture
def serving(data_dir: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str]]]:
    """Return a function that starts a process serving `data_dir`, and returns it with its URL."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(data_dir)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def postgres_of(data_dir: Path) -> psutil.Process:
    """Return the PostgreSQL process that serves a folder."""
    process = find_process((data_dir / "postgresql").resolve())
    assert process is not None
    return process


def kill(process: psutil.Process) -> None:
    """Kill a process with SIGKILL. It may have ended, because another one was killed before."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


async def run_sql(url: str, sql: str) -> object:
    """Run SQL on a new connection; return the first value."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
