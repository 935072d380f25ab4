"""One user, or one address without a token, sends expensive requests; others must not be affected.

All requests stay within the default rate limit. docs/explanation/reliability.md has the bounds.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from tests.faults.abuse_process import KINDS
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import Ledger
from tests.faults.others import Others, judge
from tests.faults.report import Row
from tests.support.folders import ROOT
from tests.support.tokens import token_for

GROWTH_MEGABYTES = 250
"""How much of the server's memory one user, or one address, may use."""
STORED_MEGABYTES = 64
"""How much one user may store besides tasks, with PostgreSQL's overhead."""

RATE = 600
"""Requests per minute, the default of `RATE_LIMIT`; all windows together send at most that many."""

_TASKS = """
INSERT INTO tasks (user_id, id, title, description, revision)
SELECT $1, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'task ' || n,
       repeat($3 || md5(n::text), 10000 / (length($3) + 32)), n + 1
FROM generate_series(0, $2 - 1) AS n
"""
_USER = "INSERT INTO users (id, revision, task_count) VALUES ($1, $2 + 1, $2)"
_STORED = """
SELECT sum(pg_total_relation_size(oid)) / 1e6 FROM pg_class
WHERE relname IN ('idempotency_keys', 'tombstones')
"""
_ACTIVE = (
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
)


class Abuse(NamedTuple):
    """The requests of one user, after `tasks` long tasks with some `text` were stored."""

    fault: str
    tasks: int = 0
    text: str = "\N{GRINNING FACE}" * 300
    growth_megabytes: int = GROWTH_MEGABYTES
    responses: frozenset[str] = frozenset({"200", "201", "429", "503"})


ABUSES = {
    "numbers": Abuse("Bodies of 42,000 huge numbers", responses=frozenset({"400", "422"})),
    "members": Abuse("Bodies of up to 28,000 unknown members", responses=frozenset({"400", "422"})),
    "batches": Abuse("Batches of 100 long tasks", tasks=200),
    "keys": Abuse("Batches with a key that change nothing", tasks=200),
    "searches": Abuse("Searches over 10,000 long tasks", tasks=10_000, text="é"),
    "left-searches": Abuse("Searches whose clients disconnect", tasks=10_000, text="é"),
    "pages": Abuse("Pages of 200 long tasks", tasks=1_000),
    "unread-pages": Abuse("Pages that are not read", tasks=1_000),
    # Less than half of the size of one copy of the file for each client.
    "unread-scripts": Abuse("Files that are not read, without a token", growth_megabytes=120),
    "strangers": Abuse("A flood of requests without a token"),
    "idle-connections": Abuse("2,000 idle connections, without a token"),
}


def abused(kind: str, environment: FaultEnvironment, size: Size) -> Row:
    """Measure other users with and without the abuse, in turns; return the row."""
    abuse, user, ledger = ABUSES[kind], f"abuser {uuid4()}", Ledger()
    with environment.another(RATE_LIMIT=f"{RATE}/minute") as other:
        if abuse.tasks:
            store_tasks(other, user, abuse.tasks, abuse.text)
        others, responses = Others(other, ledger), Counter[str]()
        alone, beside = list[float](), list[float]()
        memory, stored = other.megabytes(), _stored(other)
        grown = 0.0
        with others.running():
            others.measure(lambda waited: waited < size.window_seconds)
            for _ in range(size.windows):
                alone += others.measure(lambda waited: waited < size.window_seconds)
                with _abusing(kind, other, user, size, responses) as lasts:
                    beside += others.measure(lasts)
                    grown = max(grown, other.megabytes() - memory)
        row = other.row(abuse.fault, ledger, others.users)
        other.require_clean(row)
        stored = _stored(other) - stored
        active = other.run(_ACTIVE)
    judge(row, alone, beside, size)
    row.require_statuses("200", "201")
    row.require(len(active) <= 1, f"statements go on: {active}")  # one of them is this query
    row.require(grown <= abuse.growth_megabytes, f"the server has {grown:.0f} MB more")
    row.require(stored <= STORED_MEGABYTES, f"{stored:.0f} MB are stored besides tasks")
    unexpected = {*responses} - {*abuse.responses, "none", "closed"}
    row.require(not unexpected, f"the abuser gets {unexpected}")
    row.note(
        f"{_counts(responses)}; {grown:+.0f} MB of memory, {stored:+.0f} MB stored besides tasks"
    )
    return row


def store_tasks(environment: FaultEnvironment, user: str, count: int, text: str) -> None:
    """Store long tasks of a user."""
    environment.run(_USER, user, count)
    environment.run(_TASKS, user, count, text)
    environment.run("ANALYZE tasks")


def _stored(environment: FaultEnvironment) -> float:
    (megabytes,) = environment.run(_STORED)
    return float(megabytes)


@contextmanager
def _abusing(
    kind: str, environment: FaultEnvironment, user: str, size: Size, responses: Counter[str]
) -> Iterator[Callable[[float], bool]]:
    """Abuse the server in a process; yield a function that returns whether the abuse lasts.

    At the end, count the responses.
    """
    port, pipe = str(urlsplit(environment.base_url).port), subprocess.PIPE
    holds = KINDS[kind].holds
    count = KINDS[kind].at_once if holds else KINDS[kind].times * size.abuse // size.windows
    command = [sys.executable, "-m", "tests.faults.abuse_process", kind, port, token_for(user)]
    with subprocess.Popen(
        [*command, str(count)], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield lambda waited: waited < size.window_seconds if holds else process.poll() is None
            if holds:
                process.stdin.close()
            responses.update(json.loads(process.stdout.read()))
        finally:
            process.kill()


def _counts(responses: Counter[str]) -> str:
    return ", ".join(f"{count:,} × {status}" for status, count in sorted(responses.items()))  # noqa: RUF001


assert {*ABUSES} == {*KINDS}
