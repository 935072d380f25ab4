"""New workers replace the old ones, as in an upgrade."""

import os
import signal

import psutil

from tests.faults.clients import wait_until
from tests.faults.report import Row
from tests.faults.scene import Scene, Size

WORKERS = 2
STEP = 100


def rolled(scene: Scene, size: Size) -> Row:
    """Replace all workers under load, several times."""
    with scene.another(WORKERS=str(WORKERS)) as other:
        load, users = other.load("rolled", clients=8)
        with load.running() as ledger:
            for _ in range(size.rolls):
                _roll(other.pid)
            while ledger.statuses["201"] < size.posts:
                load.wait_for(STEP)
        row = other.row("Workers are replaced, as at a deploy, under load", ledger, users)
    row.require_statuses("200", "201")
    unanswered = ledger.unanswered(row.stored)
    row.require(unanswered == 0, f"{unanswered} stored without acknowledgement")
    row.note(f"{size.rolls} times all of {WORKERS} workers (SIGHUP)")
    row.note(f"{ledger.statuses['201']:,} posts, no request failed")
    return row


def _roll(supervisor: int) -> None:
    former = _workers_of(supervisor)

    def is_done() -> bool:
        present = _workers_of(supervisor)
        return len(present) == WORKERS and present.isdisjoint(former)

    os.kill(supervisor, signal.SIGHUP)
    wait_until(is_done)


def _workers_of(supervisor: int) -> set[int]:
    return {each.pid for each in psutil.Process(supervisor).children()}
