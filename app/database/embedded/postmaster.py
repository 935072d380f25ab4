"""A PostgreSQL that is running, or was: what its `postmaster.pid` says, and whether it is true."""

import contextlib
import signal
from pathlib import Path
from typing import NamedTuple

import psutil

from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.folder import Folder, open_folder

STOP_SECONDS = 15
_PID_FILE = "postmaster.pid"


class Postmaster(NamedTuple):
    """What a `postmaster.pid` says: the process, where it listens, and whether it is ready."""

    pid: int
    socket_folder: str
    """Empty where PostgreSQL listens at no socket, as the embedded one of version 0.2.0."""
    ready: bool


def read_postmaster(cluster: Folder) -> Postmaster | None:
    """Read who serves a cluster; None where nobody does, or the file is half written."""
    lines = (cluster.read(_PID_FILE) or "").splitlines()
    try:
        return Postmaster(int(lines[0]), lines[4], ready=lines[7].strip() == "ready")
    except (IndexError, ValueError):
        return None


def find_process(cluster: Path) -> psutil.Process | None:
    """Find the process that serves a cluster.

    A process id alone proves nothing: after a crash it may belong to anybody.
    """
    try:
        first_line = (open_folder(cluster).read(_PID_FILE) or "").partition("\n")[0]
        process = psutil.Process(int(first_line))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if _works_in(cluster, process) else None


def stop_leftover(cluster: Path) -> None:
    """End a PostgreSQL whose Taskward is gone, and clear what a crash left behind."""
    if not (cluster / _PID_FILE).exists():
        return
    process = find_process(cluster)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    # Those that worked for one that was killed end by themselves, and no other starts before.
    left = [each for each in psutil.process_iter() if _works_in(cluster, each)]
    _, remaining = psutil.wait_procs(left, STOP_SECONDS)
    if remaining:
        raise EmbeddedPostgresError(
            f"PostgreSQL (process {remaining[0].pid}) still serves {cluster} and does not stop. "
            "Kill it, or set DATA_DIR to another folder."
        )
    # PostgreSQL itself would refuse to start where the id in a stale file is in use again.
    (cluster / _PID_FILE).unlink(missing_ok=True)


def _works_in(cluster: Path, process: psutil.Process) -> bool:
    """Whether it is a PostgreSQL of this cluster: each works in its data folder."""
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == cluster
    except psutil.Error:
        return False
