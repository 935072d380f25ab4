"""The worker processes of a server."""

import subprocess

import psutil


def workers_of(server: subprocess.Popen[str]) -> list[psutil.Process]:
    return [each for each in psutil.Process(server.pid).children() if is_worker(each)]


def is_worker(process: psutil.Process) -> bool:
    """Return whether a process is a worker of `serve`."""
    try:
        return "app.commands.worker" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
