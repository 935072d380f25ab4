"""Load from `wrk`: one thread with persistent connections."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from bench.errors import BenchError
from bench.operations import Operation

_SCRIPT = Path(__file__).with_name("load.lua")


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
    if found is None:
        raise BenchError(f"wrk failed:\n{finished.stdout}{finished.stderr}")
    result = msgspec.json.decode(found[1], type=Result)
    if result.failed or not result.requests:
        raise BenchError(
            f"{result.failed} of {result.requests} answers to {operation.name} were errors:\n"
            f"{finished.stdout}"
        )
    return result
