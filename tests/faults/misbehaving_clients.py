"""Misbehaving clients beside honest ones, who must not be affected."""

import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import Ledger, percentile
from tests.faults.misbehaving_process import KINDS, PER_SECOND
from tests.faults.report import Row
from tests.support.folders import ROOT
from tests.support.tokens import token_for
from tests.support.waiting import wait_until

TIMES = 2
"""How many times as long a response to an honest client may take, at the 99th percentile."""
HONEST = 2
LEAST = 20
"""The minimum of their responses in a window."""
GROWTH_MEGABYTES = 30
FAULTS = {
    "slow": "Slow clients, who send a byte at a time",
    "silent": "Silent clients",
    "oversize": "Oversize requests",
    "malformed": "Malformed and smuggled requests",
    "resets": "A flood of resets",
}


def measure_honest_clients(kind: str, environment: FaultEnvironment, size: Size) -> Row:
    """Measure honest clients with and without misbehaving ones, in turns; return the row."""
    load, users = environment.load("honest", HONEST)
    bad_user, statuses = f"rude {uuid4()}", Counter[str]()
    alone, beside = [], []
    memory = environment.megabytes()
    with load.running() as ledger:
        load.wait_for(20)
        for _ in range(size.windows):
            alone.append(_measure(ledger, size.window_seconds))
            with _misbehaving(kind, environment, bad_user, size.clients) as counted:
                beside.append(_measure(ledger, size.window_seconds))
            statuses += counted
    grown = environment.megabytes() - memory
    row = environment.row(FAULTS[kind], ledger, users)
    environment.require_clean(row)
    row.require_statuses("200", "201")
    times = statistics.median(with_ / without for with_, without in zip(beside, alone, strict=True))
    row.require(times <= TIMES * size.patience, f"honest clients wait {times:.1f} times as long")
    row.require(grown <= GROWTH_MEGABYTES, f"the server has {grown:.0f} MB more")
    stored = environment.run("SELECT id FROM tasks WHERE user_id = $1", bad_user)
    row.require(stored == [], f"{len(stored)} tasks were smuggled in")
    wrong = [each for each in statuses if " for " in each]
    row.require(not wrong, f"status {wrong[:3]}")
    row.note(f"{size.clients} clients{_pace(kind)}{_counts(statuses)}")
    row.note(
        f"p99 of honest clients {statistics.median(alone) * 1000:.1f} ms without, "
        f"{statistics.median(beside) * 1000:.1f} ms with: **{times:.2f} times** "
        f"(medians of {size.windows} pairs of windows)"
    )
    row.note(f"{grown:+.0f} MB of memory")
    return row


@contextmanager
def _misbehaving(
    kind: str, environment: FaultEnvironment, user: str, clients: int
) -> Iterator[Counter[str]]:
    """Run misbehaving clients until the context ends; then the yielded counter has the statuses."""
    counted = Counter[str]()
    port = str(urlsplit(environment.base_url).port)
    command = [
        sys.executable,
        "-m",
        "tests.faults.misbehaving_process",
        kind,
        port,
        str(clients),
        token_for(user),
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield counted
            counted.update(json.loads(process.communicate(timeout=30)[0]))
        finally:
            process.kill()


def _measure(ledger: Ledger, seconds: float) -> float:
    begin, end = len(ledger.requests), time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end and len(ledger.requests) >= begin + LEAST)
    return percentile([each.seconds for each in ledger.requests[begin:]])


def _pace(kind: str) -> str:
    return f", {PER_SECOND[kind]} a second together" if kind in PER_SECOND else " at once"


def _counts(statuses: Counter[str]) -> str:
    counted = [f"{n:,} × {status or 'no answer'}" for status, n in sorted(statuses.items())]  # noqa: RUF001
    return f", who got {', '.join(counted)}" if counted else ""


assert {*FAULTS} == {*KINDS}
