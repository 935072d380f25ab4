"""The machine and the versions of a measurement."""

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from bench.systems import NODE_FOLDER, ROOT

_OF_TASKWARD = ("quart", "hypercorn", "sqlalchemy", "asyncpg", "uvloop")
_OF_PEERS = (
    *("fastapi", "sqlmodel", "litestar", "msgspec", "connexion", "sqlalchemy", "asyncpg", "pyjwt"),
    *("uvicorn", "httptools", "uvloop"),
)


def describe_machine() -> str:
    """Return a line about the machine."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {_system()}"


def describe_versions(postgresql: str) -> str:
    """Return a line with the versions of all that took part."""
    node = subprocess.run(
        ["/usr/bin/env", "node", "--version"], capture_output=True, text=True, check=False
    )
    locked = dict(
        re.findall(r"(?m)^([\w-]+)==(\S+)", (ROOT / "requirements-bench.txt").read_text())
    )
    peers = {name: locked.get(name, "?") for name in _OF_PEERS}
    peers |= json.loads((NODE_FOLDER / "package.json").read_text())["dependencies"]
    own = {name: metadata.version(name) for name in _OF_TASKWARD}
    return (
        f"Python {platform.python_version()}, PostgreSQL {postgresql}, "
        f"Node.js {node.stdout.strip().removeprefix('v')}. "
        f"Taskward: {_listed(own)}. Peers: {_listed(peers)}"
    )


def today() -> str:
    """Return today's date (UTC)."""
    return datetime.now(UTC).date().isoformat()


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _cpu() -> str:
    try:
        found = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform(terse=True)
