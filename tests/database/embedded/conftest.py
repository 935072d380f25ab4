"""Folders for embedded databases, and Python processes that serve them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import psutil
import pytest

from app.database.embedded import cluster as clusters
from app.database.embedded import location
from app.database.embedded.folder import Folder
from app.database.embedded.location import ClusterLocation
from app.database.embedded.postmaster import find_process, stop_leftover
from tests.support.folders import ROOT, copy_folder, world_readable_tmp

Serving = Callable[..., tuple[subprocess.Popen[str], str]]

SERVE = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from app.database import embedded
server = embedded.start(Path(sys.argv[1]))
print(server.url, flush=True)
time.sleep(60)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder. A PostgreSQL that still serves it at the end is stopped."""
    with world_readable_tmp() as folder:
        yield folder / "data"
        stop_leftover((folder / "data" / "postgresql").resolve())


@pytest.fixture(autouse=True)
def _copied_clusters(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy clusters where there is room for a copy. `cluster` was made in the real way."""
    make, password = clusters._initialise, (cluster / clusters.PASSWORD).read_text()  # noqa: SLF001

    def copy(location: ClusterLocation, work: Folder, own_password: str) -> None:
        try:
            copy_folder(cluster / "postgresql", work.path / "cluster")
        except subprocess.CalledProcessError:
            shutil.rmtree(work.path / "cluster", ignore_errors=True)
            make(location, work, own_password)

    monkeypatch.setattr(clusters, "_initialise", copy)
    monkeypatch.setattr(clusters, "secrets", SimpleNamespace(token_urlsafe=lambda _: password))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for clusters whose data folder the account of PostgreSQL may not enter."""
    with world_readable_tmp() as folder:
        monkeypatch.setattr(location, "RUNTIME", folder)
        yield folder


@pytest.fixture
def serving(data_dir: Path, cluster: Path) -> Iterator[Serving]:
    """Return a function that starts a process serving `data_dir`, and returns it with its URL."""
    started: list[subprocess.Popen[str]] = []

    def start(*, fresh: bool = False) -> tuple[subprocess.Popen[str], str]:
        if not fresh and not data_dir.exists():
            copy_folder(cluster, data_dir)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(data_dir)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"COVERAGE_PROCESS_CONFIG": ""},  # it would double the time
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
    """Kill a process with SIGKILL, unless another one's end has just ended it."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


async def run_sql(url: str, sql: str) -> object:
    """Run SQL on a new connection; return the first value."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
