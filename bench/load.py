"""Load from `wrk`: one thread with persistent connections."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import msgspec

from bench import rows
from bench.errors import BenchError
from bench.operations import Operation
from tests.support.tokens import token_for

_SCRIPT = Path(__file__).with_name("load.lua")
_LIFETIME = timedelta(hours=12)
"""The lifetime of the tokens, longer than a comparison."""


class Result(msgspec.Struct, frozen=True):
    """The counts of one run of wrk."""

    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float


def require_wrk() -> str:
    """Return the path of wrk. Raises `BenchError` if it is not installed."""
    path = shutil.which("wrk")
    if path is None:
        raise BenchError("there is no wrk on the PATH; on Debian: apt-get install wrk")
    return path


def write_users(path: Path) -> Path:
    """Write the users under load for `load.lua`, one on each line: a token and the ids of tasks."""
    with path.open("w") as file:
        for user in range(rows.USERS_UNDER_LOAD):
            token = token_for(rows.user_name(user), exp=_LIFETIME)
            ids = (str(rows.task_id(user, task)) for task in range(rows.TASKS_OF_A_USER))
            file.write(" ".join((token, *ids)) + "\n")
    return path


def run_wrk(
    base_url: str, operation: Operation, users: Path, seconds: int, connections: int
) -> Result:
    """Send requests of an operation for `seconds`. Raises `BenchError` if a response fails."""
    body = json.dumps(operation.body) if operation.body else ""
    command = [require_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(_SCRIPT), base_url, "--"]
    command += [operation.name, operation.method, operation.path, body, str(users)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"(?m)^result (.*)$", finished.stdout)
    result = msgspec.json.decode(found[1], type=Result) if found else None
    if result is None or result.failed or not result.requests:
        raise BenchError(f"{operation.name}: wrk failed:\n{finished.stdout}{finished.stderr}")
    return result
