"""Where PostgreSQL listens: at a socket in a folder that only its own account can enter.

So no other account can listen there in place of PostgreSQL and receive the password. That is true
as long as no other account can replace the folder or one of its parents.
"""

import os
import re
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from .account import Account
from .errors import EmbeddedPostgresError
from .location import ClusterLocation

PORT = 5432
"""Part of the socket's name; each folder has one socket."""

_SOCKET = f".s.PGSQL.{PORT}"
_LONGEST = 103 - len(f"/{_SOCKET}")  # bytes of a socket's path: 103 on macOS, 107 on Linux
# PostgreSQL takes a list of folders, and URLs and libpq have separators: reject other characters.
_PLAIN = re.compile(r"/[A-Za-z0-9/._-]*")
_SHARED = ("/tmp", "/var/tmp")  # noqa: S108 - `_is_fixed` checks that they are safe
_RECORD = "socket-folder"
_PREFIX = "taskward-"


def is_private(folder: Path, account: Account) -> bool:
    """Return whether only `account`, root and Taskward can listen in a folder or replace it."""
    if len(str(folder)) > _LONGEST or not _PLAIN.fullmatch(str(folder)):
        return False
    try:
        own = folder.lstat()
        closed = stat.S_ISDIR(own.st_mode) and not own.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        return closed and own.st_uid == account.uid and _is_fixed(folder.parent, account)
    except OSError:
        return False


def check_private(folder: Path, account: Account) -> None:
    """Raise `EmbeddedPostgresError` if another account could listen in a folder."""
    if not is_private(folder, account):
        raise EmbeddedPostgresError(
            f"the socket of PostgreSQL is in {folder}, where another account could listen "
            "instead. Restart Taskward, which then uses another folder."
        )


def choose_folder(location: ClusterLocation) -> Path:
    """Return the folder for the socket: the cluster's own, or a new one with a short path.

    The new one is for a path that is too long, or that another account can change, and for a file
    system without sockets. The data folder records it, so that it is found after a crash.
    """
    if is_private(location.cluster, location.account) and _has_sockets(location.cluster):
        return location.cluster
    recorded = _recorded(location)
    if recorded is not None:
        return recorded
    parents = [Path(each).resolve() for each in (tempfile.gettempdir(), *_SHARED)]
    for parent in parents:
        if _is_fixed(parent, location.account) and len(str(parent)) < _LONGEST // 2:
            return _make(location, parent)
    raise EmbeddedPostgresError(
        f"TMPDIR: PostgreSQL needs a folder for its socket, but other accounts can replace the "
        f"files in {' and '.join(map(str, dict.fromkeys(parents)))}. Set TMPDIR to a folder of "
        "your own, or DATABASE_URL to your own PostgreSQL."
    )


def remove_socket(folder: Path) -> None:
    """Remove the socket that a killed PostgreSQL left behind."""
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (folder / name).unlink(missing_ok=True)


def remove_socket_folder(location: ClusterLocation) -> None:
    """Remove the folder for the socket, unless it is the cluster's own."""
    recorded = _recorded(location)
    if recorded is not None:
        remove_socket(recorded)
        with suppress(OSError):  # the folder is not empty
            recorded.rmdir()
    location.folder.remove(_RECORD)


def _has_sockets(folder: Path) -> bool:
    # Folders that containers share with macOS or Windows do not support sockets.
    remove_socket(folder)
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(folder / _SOCKET))
    except OSError:
        return False
    remove_socket(folder)
    return True


def _make(location: ClusterLocation, parent: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    os.chown(folder, location.account.uid, location.account.gid, follow_symlinks=False)
    location.folder.write(_RECORD, str(folder))
    return folder


def _recorded(location: ClusterLocation) -> Path | None:
    folder = Path(location.folder.read(_RECORD) or "/")
    is_ours = folder.name.startswith(_PREFIX) and is_private(folder, location.account)
    return folder if is_ours else None


def _is_fixed(folder: Path, account: Account) -> bool:
    """Return whether no other account can replace what root, Taskward or `account` owns there."""
    # In some containers the root folder does not belong to account 0.
    trusted = {0, os.geteuid(), account.uid, Path("/").stat().st_uid}
    for each in (folder, *folder.parents):
        status = each.lstat()
        others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in trusted:
            return False
        if others_write and not status.st_mode & stat.S_ISVTX:
            return False
    return True
