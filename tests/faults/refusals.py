"""PostgreSQL is reachable, but rejects writes or is too slow."""

import time
from contextlib import AbstractContextManager

from tests.faults import database_faults
from tests.faults.clients import Client
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import Ledger
from tests.faults.report import Row
from tests.support.waiting import wait_until

TROUBLE_SECONDS = 1.0
LOCK_SECONDS = 3.6
"""Longer than a change waits for a lock."""
BACK_SECONDS = 1


def disk_full(environment: FaultEnvironment, size: Size) -> Row:
    """Let no page be added to the table of tasks."""
    with database_faults.tasks_on_a_small_disk(environment) as ballast:
        trouble = database_faults.full(environment, ballast)
        row = _go_through("The disk of the tasks is full", environment, size, trouble)
    row.note("a small file system of its own for the table, filled to the last page")
    return row


def read_only(environment: FaultEnvironment, size: Size) -> Row:
    """A failover has led to a read-only database."""
    row = _go_through(
        "The database is read-only", environment, size, database_faults.read_only(environment)
    )
    row.note("connections ended, and new ones read-only, as in a fail-over")
    return row


def lock_time_outs(environment: FaultEnvironment, size: Size) -> Row:
    """Hold a lock for longer than a change waits for it."""
    trouble = database_faults.locked(environment)
    row = _go_through("A lock is held", environment, size, trouble, LOCK_SECONDS)
    row.note(f"the table locked against changes for {LOCK_SECONDS} s")
    return row


def statement_time_outs(environment: FaultEnvironment, size: Size) -> Row:
    """Make statements take longer than their limit."""
    trouble = database_faults.statements_that_time_out(environment)
    row = _go_through("Statements time out", environment, size, trouble)
    row.note("`statement_timeout` of 0.2 s, inserts that take 1 s")
    return row


def _go_through(
    fault: str,
    environment: FaultEnvironment,
    size: Size,
    trouble: AbstractContextManager[None],
    seconds: float = TROUBLE_SECONDS,
) -> Row:
    """Send changes and reads before, during and after some trouble, to the same server."""
    load, users = environment.load(fault.lower(), clients=4)
    reads = Ledger()
    reader = environment.client(users[0], reads)
    with load.running() as ledger:
        load.wait_for(20)
        with trouble:
            end = time.monotonic() + seconds
            wait_until(lambda: _read(reader) > end and ledger.statuses["503"] > 0)
        took = load.wait_for_first(time.monotonic())
        load.wait_for(20)
    reader.close()
    row = environment.row(fault, ledger, users)
    row.require_statuses("200", "201", "503")
    row.require({*reads.statuses} == {"200"}, f"reads during it: {reads.statuses}")
    row.require(took <= BACK_SECONDS * size.patience, f"back only after {took:.2f} s")
    row.note(f"{len(reads.requests)} reads during it, all 200")
    row.note(f"the first change {took * 1000:.0f} ms after it had passed")
    environment.require_clean(row)
    return row


def _read(client: Client) -> float:
    client.ask("GET", "/api/tasks?limit=10")
    time.sleep(0.05)
    return time.monotonic()
