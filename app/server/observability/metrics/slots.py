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

    The slot is a file lock, which the kernel releases when this process exits.
    """
    for number in itertools.count():
        descriptor = os.open(_lock_of(folder, number), os.O_RDWR | os.O_CREAT, 0o600)
        if _locks(descriptor):
            break
        os.close(descriptor)
    return number


def abandoned_slots(folder: Path) -> Iterator[int]:
    """Yield the slots whose process has exited. Each is locked while the caller handles it."""
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
