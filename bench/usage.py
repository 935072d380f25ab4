"""What a server uses: CPU time and memory of its processes; PostgreSQL's are not among them."""

import re
from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """The CPU time, user and system, that a process and its children have had."""
    times = [each.cpu_times() for each in _tree(pid)]
    return sum(each.user + each.system for each in times)


def peak_megabytes(pid: int) -> float:
    """The most memory that a process and its children have had resident."""
    return sum(_peak_bytes(each) for each in _tree(pid)) / 1e6


def resident_megabytes(pid: int) -> float:
    """The memory that a process and its children have resident now."""
    return sum(int(each.memory_info().rss) for each in _tree(pid)) / 1e6


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _peak_bytes(process: psutil.Process) -> int:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # not Linux: as much as it has now
        return int(process.memory_info().rss)
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
