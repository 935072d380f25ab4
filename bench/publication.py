"""The output of a result: into `build`, and on request into `docs/explanation/performance.md`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import rows
from bench.report import table
from bench.rounds import Plan
from bench.samples import Sample
from bench.systems import POOL_SIZE, ROOT
from bench.versions import describe_machine, describe_versions, today
from tests.blocks import write_block

BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "explanation" / "performance.md"


def keep(samples: Sequence[Sample], report: str) -> Path:
    """Write every sample and the report; return their folder."""
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "samples.json").write_bytes(msgspec.json.format(msgspec.json.encode(samples)))
    (BUILD / "report.md").write_text(report)
    return BUILD


def publish(report: str) -> None:
    """Write the report into the page."""
    write_block(PAGE, "bench", report)


def describe(samples: Sequence[Sample], titles: dict[str, str], plan: Plan, postgresql: str) -> str:
    """Return the report: how it was measured, and the table."""
    return (
        f"Measured on {today()}: {describe_machine()}. {describe_versions(postgresql)}.\n\n"
        f"{plan.rounds} interleaved rounds of {plan.seconds} s; `wrk` with 1 thread and "
        f"{plan.connections} connections, on the same machine; {POOL_SIZE} connections to "
        f"PostgreSQL for each; {rows.USERS:,} users with {rows.TASKS_OF_A_USER} tasks each, "
        f"{rows.USERS_UNDER_LOAD} of them under load; a line of log for each request. Medians of "
        "the rounds, with the least and the greatest. In the last columns, how many times as many "
        "requests Taskward answers as each of the others, and with how many times less CPU for "
        "each, taken within each round. CPU and peak memory are the server's, without "
        "PostgreSQL's.\n\n"
        f"{table(samples, titles)}\n"
    )
