"""The embedded PostgreSQL, which runs until this process ends."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from .account import Account
from .cluster import NAME, PASSWORD, ensure_cluster, environment
from .errors import EmbeddedPostgresError, convert_os_errors, program_error
from .folder import open_data_folder
from .folder_lock import FolderLock, is_locked
from .location import ClusterLocation, find_cluster, find_location
from .postmaster import STOP_SECONDS, read_postmaster, stop_leftover
from .socket_folder import (
    PORT,
    check_private,
    choose_folder,
    remove_socket,
    remove_socket_folder,
)

START_SECONDS = 30
RESTARTS = 5
"""How often a PostgreSQL that exits is restarted before Taskward stops trying."""
STEADY_SECONDS = 60
"""How many seconds a PostgreSQL must run for earlier exits to no longer count."""

_LOG = "postgresql.log"
"""The output of PostgreSQL since its last start, in the data folder. It can name users."""

logger = structlog.get_logger("app.database.embedded")

# Standard input is a pipe that only the starting Python process holds open. When that process ends,
# by whatever signal, `read` reaches the end of the pipe, and the loop sends SIGINT to PostgreSQL.
# It sends it repeatedly, because a PostgreSQL that has just started ignores signals. Until `wait`
# returns, the process id of PostgreSQL cannot be reused.
_SUPERVISOR = """
exec 3<&0
"$@" </dev/null 3<&- &
postgres=$!
{ read -r _; while kill -INT "$postgres"; do sleep 0.2; done; } <&3 &
watcher=$!
exec 3<&-
wait "$postgres"
status=$?
kill "$watcher"
exit "$status"
"""


class EmbeddedPostgres:
    """A PostgreSQL that serves the cluster of a data folder at `url`."""

    def __init__(self, location: ClusterLocation, lock: FolderLock, password: str) -> None:
        self._location = location
        self._lock = lock
        self._password = password
        # Set once `stop` was called, so that the monitor does not restart PostgreSQL.
        self._stopping = threading.Event()
        self._socket_folder = choose_folder(location)
        try:
            self._process = self._launch()
        except BaseException:
            remove_socket_folder(location)
            raise
        self._monitor = threading.Thread(target=self._keep_running, daemon=True)
        self._monitor.start()

    @property
    def url(self) -> str:
        """Return the URL of the database; it stays the same after a crash and restart."""
        return _url(self._password, self._socket_folder)

    def stop(self) -> None:
        """Stop PostgreSQL and wait until it has exited; committed data is kept."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        _end(self._process)
        self._monitor.join()
        _end(self._process)  # the monitor may just have started another one
        stop_leftover(self._location.cluster)
        remove_socket_folder(self._location)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        stop_leftover(self._location.cluster)
        check_private(self._socket_folder, self._location.account)
        remove_socket(self._socket_folder)
        process = _spawn(self._location, self._socket_folder)
        try:
            self._wait_until_ready(process)
        except BaseException:
            _end(process)
            raise
        return process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            cluster = find_cluster(self._location.folder)
            postmaster = read_postmaster(cluster) if cluster else None
            if postmaster is not None and postmaster.ready:
                return
            time.sleep(0.02)
        raise program_error("starting PostgreSQL", self._location.folder.read(_LOG) or "")

    def _keep_running(self) -> None:
        attempt, began = 0, time.monotonic()
        while attempt < RESTARTS:
            status = self._process.wait()
            _end(self._process)
            attempt = 0 if time.monotonic() - began > STEADY_SECONDS else attempt + 1
            began = time.monotonic()
            if self._stopping.wait(0.1 * attempt):
                return
            logger.warning("PostgreSQL exited", status=status)
            try:
                self._process = self._launch()
            except EmbeddedPostgresError as error:
                logger.warning("PostgreSQL restart failed", reason=str(error))
            if self._stopping.is_set():
                return
        logger.error("PostgreSQL not restarted", attempts=RESTARTS)


def start(data_dir: Path) -> EmbeddedPostgres:
    """Serve the database in `data_dir`, which the first start creates.

    Raises `EmbeddedPostgresError` if that fails, or if another process serves it.
    """
    location = find_location(data_dir)
    lock = FolderLock(location.folder)
    try:
        stop_leftover(location.cluster)
        return EmbeddedPostgres(location, lock, ensure_cluster(location))
    except BaseException:
        lock.release()
        raise


def attach(data_dir: Path) -> str | None:
    """Return the URL of the database that another process serves in `data_dir`, or None.

    Raises `EmbeddedPostgresError` if another account could listen in place of PostgreSQL.
    """
    with convert_os_errors(data_dir), suppress(FileNotFoundError):
        folder = open_data_folder(data_dir)
        cluster = find_cluster(folder) if is_locked(folder) else None
        postmaster = read_postmaster(cluster) if cluster else None
        password = folder.read(PASSWORD)
        if cluster and password and postmaster and postmaster.ready and postmaster.socket_folder:
            socket_folder = Path(postmaster.socket_folder)
            check_private(socket_folder, Account(cluster.owner, cluster.group))
            return _url(password, socket_folder)
    return None


def _spawn(location: ClusterLocation, socket_folder: Path) -> subprocess.Popen[bytes]:
    command = [str(location.binaries / "postgres"), "-D", str(location.cluster), "-p", str(PORT)]
    for setting in ("listen_addresses=", f"unix_socket_directories={socket_folder}"):
        command += ["-c", setting]
    options: dict[str, Any] = location.account.options
    with (
        convert_os_errors(location.folder.path),
        os.fdopen(location.folder.create(_LOG), "wb") as log,
    ):
        return subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISOR, "taskward-postgres", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment(),
            start_new_session=True,  # Ctrl-C in the terminal must not reach PostgreSQL
            **options,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # committed data survives SIGKILL
        process.wait()


def _url(password: str, socket_folder: Path) -> str:
    return f"postgresql://{NAME}:{password}@/{NAME}?host={socket_folder}&port={PORT}"
