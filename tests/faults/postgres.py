"""A PostgreSQL for faults: it can be killed and started again."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import psutil

from app.database.embedded.cluster import NAME, ensure_cluster, environment
from app.database.embedded.folder import open_folder
from app.database.embedded.location import find_location
from app.database.embedded.postmaster import read_postmaster, stop_leftover
from tests.support.ports import free_port

Session: TypeAlias = Callable[..., list[Any]]

START_SECONDS = 30
DISK_MEGABYTES = 48
# The faults change defaults of a database; these sessions must not be affected.
_UNTROUBLED = {"default_transaction_read_only": "off", "statement_timeout": "0"}
_LAUNCHER = Path(__file__).with_name("small_disk.py")


class Postgres:
    """The binaries and the cluster of the embedded database, without its supervision."""

    def __init__(self, folder: Path) -> None:
        self._location = find_location(folder)
        self._password = ensure_cluster(self._location)
        self._port = free_port()
        # Beside the cluster, so that PostgreSQL's account can enter it, even if root runs the
        # tests.
        self._small_disk = self._location.cluster.with_name("small-disk")
        self._small_disk.mkdir(exist_ok=True)
        self._log = folder / "postgresql.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start PostgreSQL; return the moment from which it accepts connections."""
        cluster, account = self._location.cluster, self._location.account
        stop_leftover(cluster)
        command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(self._small_disk)]
        command += map(str, (DISK_MEGABYTES, account.uid, account.gid))
        command += [str(self._location.binaries / "postgres"), "-D", str(cluster)]
        for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories="):
            command += ["-c", setting]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-p", str(self._port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment(),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            postmaster = read_postmaster(open_folder(cluster))
            if postmaster is not None and postmaster.ready:
                return time.monotonic()
            time.sleep(0.005)
        raise AssertionError(self._log.read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """Kill all processes at once, as a lack of memory or of power does (`kill -9`)."""
        for each in self.processes():
            each.kill()
        self._wait()

    def stop(self) -> None:
        """Stop PostgreSQL in order, which closes its connections with a message."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._wait()

    def processes(self) -> list[psutil.Process]:
        """Return all processes; the first is the parent of the others."""
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    @property
    def small_disk(self) -> Path | None:
        """Return the folder that is a disk of `DISK_MEGABYTES` for PostgreSQL, or None."""
        mounts = Path(f"/proc/{self.processes()[0].pid}/mounts")
        mounted = mounts.exists() and f" {self._small_disk} tmpfs " in mounts.read_text()
        return self._small_disk if mounted else None

    def url(self, database: str = NAME) -> str:
        """Return the URL of a database, which stays the same after each start."""
        return f"postgresql://{NAME}:{self._password}@127.0.0.1:{self._port}/{database}"

    @contextmanager
    def session(self, database: str = NAME) -> Iterator[Session]:
        """Open a superuser's session; yield a function that runs SQL and returns a column."""
        with asyncio.Runner() as runner:

            async def connect() -> asyncpg.Connection:
                return await asyncpg.connect(self.url(database), server_settings=_UNTROUBLED)

            async def fetch(sql: str, *arguments: object) -> list[Any]:
                return [row[0] for row in await connection.fetch(sql, *arguments) if row]

            connection = runner.run(connect())
            try:
                yield lambda sql, *arguments: runner.run(fetch(sql, *arguments))
            finally:
                runner.run(connection.close())

    def said(self, pattern: str, since: int) -> int:
        """Return how often a pattern occurs in the log after a position."""
        with self._log.open("rb") as log:
            log.seek(since)
            return len(re.findall(pattern, log.read().decode(errors="replace"), re.MULTILINE))

    def log_position(self) -> int:
        """Return the position of the log's end."""
        return self._log.stat().st_size

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(START_SECONDS)


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL until the context ends."""
    postgres = Postgres(folder)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()
