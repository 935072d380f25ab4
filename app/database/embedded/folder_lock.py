"""One Taskward for each data folder: a lock that the kernel releases when its process ends."""

import fcntl
import os
import time

from .errors import EmbeddedPostgresError, convert_os_errors
from .folder import Folder

PATIENCE_SECONDS = 1
_NAME = "lock"


class FolderLock:
    """The lock of a data folder, held until `release`."""

    def __init__(self, folder: Folder) -> None:
        """Take the lock. Raises `EmbeddedPostgresError` if another process holds it."""
        with convert_os_errors(folder.path):
            self._descriptor = folder.open(_NAME, os.O_RDWR | os.O_CREAT)
        if not _try_for_a_while(self._descriptor):
            holder = os.read(self._descriptor, 20).decode() or "unknown"
            os.close(self._descriptor)
            raise EmbeddedPostgresError(
                f"DATA_DIR: another Taskward (process {holder}) uses the database in "
                f"{folder.path}. Stop it, or set DATA_DIR to another folder."
            )
        os.truncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)


def _try_for_a_while(descriptor: int) -> bool:
    # A process that was just killed keeps its locks for a moment.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _try(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_locked(folder: Folder) -> bool:
    """Return whether a process holds the lock of a folder at present."""
    try:
        descriptor = folder.open(_NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try(descriptor)
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
