"""Slots for processes that record metrics. Each slot has its own files in one folder.

Each process owns one slot. When it exits, the next process takes the slot over and continues its
counters. So no counts are lost, and the number of files does not grow with each restart.
"""

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Slot(NamedTuple):
    """A slot, and the id of the process that owns it; None if that process has exited."""

    number: int
    process: int | None


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder, so that systemd does not remove its files from /tmp because of their age."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def take_slot(folder: Path) -> int:
    """Take the first free slot and return its number.

    The slot is a file lock, which the kernel releases when this process exits. The file has the
    id of this process.
    """
    for number in itertools.count():
        descriptor = os.open(_lock_of(folder, number), os.O_RDWR | os.O_CREAT, 0o600)
        if _locks(descriptor):
            break
        os.close(descriptor)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return number


def slots_in(folder: Path) -> Iterator[Slot]:
    """Yield all slots. One without a process is locked while the caller handles it."""
    for number in itertools.count():
        try:
            descriptor = os.open(_lock_of(folder, number), os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            if _locks(descriptor):
                yield Slot(number, None)
            elif process := os.read(descriptor, 20):  # empty while it is being taken
                yield Slot(number, int(process))
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
