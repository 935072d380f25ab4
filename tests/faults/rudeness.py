"""Rude clients beside honest ones, who must not be affected."""

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

from tests.faults.ledger import Ledger, percentile
from tests.faults.report import Row
from tests.faults.rude import KINDS, PER_SECOND
from tests.faults.scene import Scene, Size
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


def rude_clients(kind: str, scene: Scene, size: Size) -> Row:
    """Measure honest clients with and without rude ones, in turns; return the row."""
    load, users = scene.load("honest", HONEST)
    rude_user, answers = f"rude {uuid4()}", Counter[str]()
    alone, beside = [], []
    memory = scene.megabytes()
    with load.running() as ledger:
        load.wait_for(20)
        for _ in range(size.windows):
            alone.append(_measure(ledger, size.window_seconds))
            with _rude(kind, scene, rude_user, size.clients) as told:
                beside.append(_measure(ledger, size.window_seconds))
            answers += told
    grown = scene.megabytes() - memory
    row = scene.row(FAULTS[kind], ledger, users)
    scene.require_clean(row)
    row.require_statuses("200", "201")
    times = statistics.median(with_ / without for with_, without in zip(beside, alone, strict=True))
    row.require(times <= TIMES * size.patience, f"honest clients wait {times:.1f} times as long")
    row.require(grown <= GROWTH_MEGABYTES, f"the server has {grown:.0f} MB more")
    stored = scene.run("SELECT id FROM tasks WHERE user_id = $1", rude_user)
    row.require(stored == [], f"{len(stored)} tasks were smuggled in")
    wrong = [each for each in answers if " for " in each]
    row.require(not wrong, f"status {wrong[:3]}")
    row.note(f"{size.clients} clients{_pace(kind)}{_told(answers)}")
    row.note(
        f"p99 of honest clients {statistics.median(alone) * 1000:.1f} ms without, "
        f"{statistics.median(beside) * 1000:.1f} ms with: **{times:.2f} times** "
        f"(medians of {size.windows} pairs of windows)"
    )
    row.note(f"{grown:+.0f} MB of memory")
    return row


@contextmanager
def _rude(kind: str, scene: Scene, user: str, clients: int) -> Iterator[Counter[str]]:
    """Run rude clients until the context ends; then the yielded counter has their statuses."""
    told = Counter[str]()
    port = str(urlsplit(scene.base_url).port)
    command = [sys.executable, "-m", "tests.faults.rude", kind, port, str(clients), token_for(user)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield told
            told.update(json.loads(process.communicate(timeout=30)[0]))
        finally:
            process.kill()


def _measure(ledger: Ledger, seconds: float) -> float:
    begin, end = len(ledger.exchanges), time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end and len(ledger.exchanges) >= begin + LEAST)
    return percentile([each.seconds for each in ledger.exchanges[begin:]])


def _pace(kind: str) -> str:
    return f", {PER_SECOND[kind]} a second together" if kind in PER_SECOND else " at once"


def _told(answers: Counter[str]) -> str:
    told = [f"{n:,} × {status or 'no answer'}" for status, n in sorted(answers.items())]  # noqa: RUF001
    return f", who got {', '.join(told)}" if told else ""


assert {*FAULTS} == {*KINDS}
