"""Resource usage of a server: CPU time and memory of its processes, without PostgreSQL's."""

import re
from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, of a process and its children, in seconds."""
    times = [each.cpu_times() for each in _tree(pid)]
    return sum(each.user + each.system for each in times)


def peak_megabytes(pid: int) -> float:
    """Return the peak resident memory of a process and its children, in MB."""
    return sum(_peak_bytes(each) for each in _tree(pid)) / 1e6


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process and its children, in MB."""
    return sum(int(each.memory_info().rss) for each in _tree(pid)) / 1e6


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _peak_bytes(process: psutil.Process) -> int:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # not Linux: use the current memory
        return int(process.memory_info().rss)
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
