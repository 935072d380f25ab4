"""One user leaves many rows to erase or to purge; other users must not be affected."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from tests.faults.abuse import store_tasks
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import Ledger
from tests.faults.others import Others, judge
from tests.faults.report import Row
from tests.support.clients import get
from tests.support.folders import ROOT

ERASED_TASKS = 50_000
LEFT_KEYS = 36_000
"""The number that the default rate limit allows in an hour."""
LEFT_TOMBSTONES = 50_000
"""The largest number that is kept for one user."""
LOCKED = 10
FINISH_SECONDS = 120
POLL_SECONDS = 0.25

_USER = "INSERT INTO users (id, revision, task_count) VALUES ($1, $2, 0)"
_KEYS = """
INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, outcome, created_at)
SELECT $1, 'batch_tasks', 'key ' || n, sha256(n::text::bytea), sha256(n::text::bytea),
       now() - interval '25 hours'
FROM generate_series(1, $2) AS n
"""
_TOMBSTONES = """
INSERT INTO tombstones (user_id, id, revision, deleted_at)
SELECT $1, gen_random_uuid(), n, now() - interval '31 days' FROM generate_series(1, $2) AS n
"""
_LEFT = """
SELECT user_id FROM tombstones WHERE user_id = ANY ($1)
UNION ALL SELECT user_id FROM idempotency_keys WHERE user_id = ANY ($1)
"""
_ROWS = """
SELECT count(*) FROM (SELECT FROM users WHERE id = $1 UNION ALL SELECT FROM tasks WHERE user_id = $1
    UNION ALL SELECT FROM tombstones WHERE user_id = $1) AS rows
"""


def large_erasure(environment: FaultEnvironment, size: Size) -> Row:
    """A user with many long tasks erases all of them, and starts over at once."""
    user, ledger, erased = f"erased {uuid4()}", Ledger(), Ledger()
    with environment.another() as other:
        store_tasks(other, user, ERASED_TASKS, "")
        others, client = Others(other, ledger), other.client(user, erased)
        with others.running():
            alone = others.measure(lambda waited: waited < size.window_seconds)
            response = client.ask("DELETE", f"/api/me?confirm={user.replace(' ', '%20')}")
            seen = _visible(other, user)
            id_ = client.create("started over")
            remaining = polled(lambda: other.run(_ROWS, user)[0] > 2)  # the user and the new task
            beside = others.measure(remaining)
        row = other.row("A user with 50,000 long tasks is erased", ledger, others.users)
        other.require_clean(row)
        kept = [str(each) for each in other.run("SELECT id FROM tasks WHERE user_id = $1", user)]
        client.close()
    judge(row, alone, beside, size)
    row.require_statuses("200", "201")
    row.require(response.status == "204", f"the erasure got {response.status} {response.code}")
    row.require(seen == [], f"{len(seen)} tasks were seen after the erasure")
    row.require(kept == [id_], f"{len(kept)} tasks are there in the end")
    row.note(f"the response to the erasure after {response.seconds * 1000:.0f} ms")
    return row


def leftovers_purged(environment: FaultEnvironment, size: Size) -> Row:
    """One user's rows expire, and some of them cannot be deleted; other users' rows are purged."""
    ledger, ready = Ledger(), Ledger()
    leaver, bystanders = f"leaver {uuid4()}", [f"bystander {n} {uuid4()}" for n in range(LOCKED)]
    with environment.another() as other:
        for user in (leaver, *bystanders):
            count = 1 if user in bystanders else LEFT_TOMBSTONES
            other.run(_USER, user, count)
            other.run(_TOMBSTONES, user, count)
            other.run(_KEYS, user, min(count, LEFT_KEYS))
        others, probe = Others(other, ledger), other.client(leaver, ready)
        with others.running():
            alone = others.measure(lambda waited: waited < size.window_seconds)
            with _some_locked(other, leaver), _purging(other) as purging:

                def lasts(_: float) -> bool:
                    probe.ask("GET", "/health/ready")
                    return purging()

                beside = others.measure(lasts)
                left = other.run(_LEFT, bystanders)
        row = other.row("A purge meets what one user left in an hour", ledger, others.users)
        other.require_clean(row)
        probe.close()
    judge(row, alone, beside, size)
    row.require_statuses("200", "201")
    row.require({*ready.statuses} == {"200"}, f"readiness: {ready.statuses}")
    row.require(left == [], f"{len(left)} rows of others are left")
    row.note(f"{LEFT_KEYS:,} keys and {LEFT_TOMBSTONES:,} tombstones, {LOCKED} of them locked")
    row.note(f"readiness in {ready.slowest * 1000:.0f} ms at most")
    return row


def _visible(environment: FaultEnvironment, user: str) -> list[object]:
    items: list[object] = get(environment, "/api/tasks", user).json()["items"]
    return items


@contextmanager
def _some_locked(environment: FaultEnvironment, user: str) -> Iterator[None]:
    """Hold locks on some rows of a user."""
    with environment.session() as session:
        session("BEGIN")
        session(f"SELECT id FROM tombstones WHERE user_id = $1 LIMIT {LOCKED} FOR UPDATE", user)
        yield
        session("ROLLBACK")


@contextmanager
def _purging(environment: FaultEnvironment) -> Iterator[Callable[[], bool]]:
    """Run `python -m app purge`, and yield a function that returns whether it runs."""
    variables = {
        "DATABASE_URL": environment.postgres.url(environment.database),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "app", "purge"]
    with subprocess.Popen(
        command,
        cwd=environment.folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield lambda: process.poll() is None
            process.wait(FINISH_SECONDS)
        finally:
            process.kill()


def polled(holds: Callable[[], bool]) -> Callable[[float], bool]:
    """Return a function that polls a condition now and then, and returns the last value."""
    looked_at, held = 0.0, True

    def lasts(waited: float) -> bool:
        nonlocal looked_at, held
        assert waited < FINISH_SECONDS, "that took too long"
        if time.monotonic() - looked_at > POLL_SECONDS:
            looked_at, held = time.monotonic(), holds()
        return held

    return lasts
