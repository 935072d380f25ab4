"""Where the result goes: always below `build`, and if asked for into the README."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import rows
from bench.plot import plot
from bench.report import table
from bench.rounds import Plan
from bench.samples import Sample
from bench.systems import POOL_SIZE, ROOT
from bench.versions import describe_machine, describe_versions, today

BUILD = ROOT / "build" / "bench"
README = ROOT / "README.md"
PLOT = ROOT / "docs" / "explanation" / "benchmark.svg"
_BLOCK = re.compile(r"(?s)(?<=<!-- bench:begin -->\n).*?(?=<!-- bench:end -->)")


def keep(samples: Sequence[Sample], titles: dict[str, str], report: str) -> Path:
    """Keep every sample, the report and the plot; answer their folder."""
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "samples.json").write_bytes(msgspec.json.format(msgspec.json.encode(samples)))
    (BUILD / "report.md").write_text(report)
    (BUILD / "plot.svg").write_text(plot(samples, titles))
    return BUILD


def publish(samples: Sequence[Sample], titles: dict[str, str], report: str) -> None:
    """Put the report and the plot where the README shows them."""
    PLOT.write_text(plot(samples, titles))
    picture = f"![Requests per second, side by side]({PLOT.relative_to(ROOT)})"
    block = f"{picture}\n\n{report}"
    README.write_text(_BLOCK.sub(lambda _: block, README.read_text()))


def describe(samples: Sequence[Sample], titles: dict[str, str], plan: Plan, postgresql: str) -> str:
    """The report: how it was measured, and the table."""
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
