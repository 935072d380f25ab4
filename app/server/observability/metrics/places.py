"""Places for processes that record, each with files of its own in one folder.

A place is a process's own while that lives. The next one that takes it counts on from what it finds
there: so nothing that was counted is lost, and the files do not become more with each restart.
"""

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Lock the folder itself: systemd then removes nothing of it from /tmp, however old."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def take(folder: Path) -> int:
    """Take the first free place, until this process ends: the kernel gives it back then."""
    for number in itertools.count():
        descriptor = os.open(_lock_of(folder, number), os.O_RDWR | os.O_CREAT, 0o600)
        if _locks(descriptor):
            break
        os.close(descriptor)
    return number


def abandoned(folder: Path) -> Iterator[int]:
    """The places whose process is gone. Nobody can take the one that is being looked at."""
    for number in itertools.count():
        try:
            descriptor = os.open(_lock_of(folder, number), os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            if _locks(descriptor):
                yield number
        finally:
            os.close(descriptor)


def _lock_of(folder: Path, number: int) -> Path:
    return folder / f"{number}.lock"


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
