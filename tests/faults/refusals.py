"""PostgreSQL is reachable, but rejects writes or is too slow."""

import time
from contextlib import AbstractContextManager

from tests.faults import troubles
from tests.faults.clients import Client
from tests.faults.ledger import Ledger
from tests.faults.report import Row
from tests.faults.scene import Scene, Size
from tests.support.waiting import wait_until

TROUBLE_SECONDS = 1.0
LOCK_SECONDS = 3.6
"""Longer than a change waits for a lock."""
BACK_SECONDS = 1


def disk_full(scene: Scene, size: Size) -> Row:
    """Let no page be added to the table of tasks."""
    with troubles.tasks_on_a_small_disk(scene) as ballast:
        trouble = troubles.full(scene, ballast)
        row = _go_through("The disk of the tasks is full", scene, size, trouble)
    row.note("a small file system of its own for the table, filled to the last page")
    return row


def read_only(scene: Scene, size: Size) -> Row:
    """A failover has led to a read-only database."""
    row = _go_through("The database is read-only", scene, size, troubles.read_only(scene))
    row.note("connections ended, and new ones read-only, as in a fail-over")
    return row


def lock_time_outs(scene: Scene, size: Size) -> Row:
    """Hold a lock for longer than a change waits for it."""
    trouble = troubles.locked(scene)
    row = _go_through("A lock is held", scene, size, trouble, LOCK_SECONDS)
    row.note(f"the table locked against changes for {LOCK_SECONDS} s")
    return row


def statement_time_outs(scene: Scene, size: Size) -> Row:
    """Make statements take longer than their limit."""
    trouble = troubles.statements_that_time_out(scene)
    row = _go_through("Statements time out", scene, size, trouble)
    row.note("`statement_timeout` of 0.2 s, inserts that take 1 s")
    return row


def _go_through(
    fault: str,
    scene: Scene,
    size: Size,
    trouble: AbstractContextManager[None],
    seconds: float = TROUBLE_SECONDS,
) -> Row:
    """Send changes and reads before, during and after some trouble, to the same server."""
    load, users = scene.load(fault.lower(), clients=4)
    reads = Ledger()
    reader = scene.client(users[0], reads)
    with load.running() as ledger:
        load.wait_for(20)
        with trouble:
            end = time.monotonic() + seconds
            wait_until(lambda: _read(reader) > end and ledger.statuses["503"] > 0)
        took = load.wait_for_first(time.monotonic())
        load.wait_for(20)
    reader.close()
    row = scene.row(fault, ledger, users)
    row.require_statuses("200", "201", "503")
    row.require({*reads.statuses} == {"200"}, f"reads during it: {reads.statuses}")
    row.require(took <= BACK_SECONDS * size.patience, f"back only after {took:.2f} s")
    row.note(f"{len(reads.exchanges)} reads during it, all 200")
    row.note(f"the first change {took * 1000:.0f} ms after it had passed")
    scene.require_clean(row)
    return row


def _read(client: Client) -> float:
    client.ask("GET", "/api/tasks?limit=10")
    time.sleep(0.05)
    return time.monotonic()
