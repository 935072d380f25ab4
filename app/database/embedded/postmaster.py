"""Running or crashed PostgreSQL processes: what `postmaster.pid` says, and whether it is true."""

import contextlib
import signal
from pathlib import Path
from typing import NamedTuple

import psutil

from .errors import EmbeddedPostgresError
from .folder import Folder, open_folder

STOP_SECONDS = 15
_PID_FILE = "postmaster.pid"


class Postmaster(NamedTuple):
    """The content of `postmaster.pid`: process id, socket folder, and whether PostgreSQL is up."""

    pid: int
    socket_folder: str
    """Empty if PostgreSQL listens at no socket, as the embedded one of version 0.2.0 did."""
    ready: bool


def read_postmaster(cluster: Folder) -> Postmaster | None:
    """Read `postmaster.pid` of a cluster; return None if it is missing or incomplete."""
    lines = (cluster.read(_PID_FILE) or "").splitlines()
    try:
        return Postmaster(int(lines[0]), lines[4], ready=lines[7].strip() == "ready")
    except (IndexError, ValueError):
        return None


def find_process(cluster: Path) -> psutil.Process | None:
    """Find the process that serves a cluster; return None if there is none.

    The process id alone is not enough: after a crash, it may belong to any process.
    """
    try:
        first_line = (open_folder(cluster).read(_PID_FILE) or "").partition("\n")[0]
        process = psutil.Process(int(first_line))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if _works_in(cluster, process) else None


def stop_leftover(cluster: Path) -> None:
    """Stop a PostgreSQL whose Taskward has exited, and remove what a crash left behind."""
    if not (cluster / _PID_FILE).exists():
        return
    process = find_process(cluster)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    # Children of a killed PostgreSQL exit without a signal; no other one can start before.
    left = [each for each in psutil.process_iter() if _works_in(cluster, each)]
    _, remaining = psutil.wait_procs(left, STOP_SECONDS)
    if remaining:
        raise EmbeddedPostgresError(
            f"PostgreSQL (process {remaining[0].pid}) still serves {cluster} and does not stop. "
            "Kill it, or set DATA_DIR to another folder."
        )
    # PostgreSQL would refuse to start if the id in a stale file is in use again.
    (cluster / _PID_FILE).unlink(missing_ok=True)


def _works_in(cluster: Path, process: psutil.Process) -> bool:
    """Return whether a process is a PostgreSQL of this cluster: the cluster is its working dir."""
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == cluster
    except psutil.Error:
        return False
