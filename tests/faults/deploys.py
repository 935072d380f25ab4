"""New workers replace the old ones, as in an upgrade."""

from tests.faults.environment import FaultEnvironment, Size
from tests.faults.report import Row
from tests.support.taskward import reload_workers

WORKERS = 2
STEP = 100


def rolled(environment: FaultEnvironment, size: Size) -> Row:
    """Replace all workers under load, several times."""
    with environment.another(WORKERS=str(WORKERS)) as other:
        load, users = other.load("rolled", clients=8)
        with load.running() as ledger:
            for _ in range(size.rolls):
                reload_workers(other.pid)
            while ledger.statuses["201"] < size.posts:
                load.wait_for(STEP)
        row = other.row("Workers are replaced, as at a deploy, under load", ledger, users)
    row.require_statuses("200", "201")
    unanswered = ledger.unanswered(row.stored)
    row.require(unanswered == 0, f"{unanswered} stored without acknowledgement")
    row.note(f"{size.rolls} times all of {WORKERS} workers (SIGHUP)")
    row.note(f"{ledger.statuses['201']:,} posts, no request failed")
    return row
