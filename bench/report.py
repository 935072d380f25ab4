"""The report: the conditions, and a table with medians, their spread, and Taskward's ratios."""

from collections.abc import Sequence
from statistics import median

from bench import rows
from bench.comparison import Plan, Sample
from bench.rounds import Results, spread
from bench.systems import POOL_SIZE, ROOT, TASKWARD
from bench.versions import describe_machine, describe_versions, today

PAGE = ROOT / "docs" / "explanation" / "performance.md"

_HEAD = (
    "| operation | system | requests/s | p50 ms | p99 ms | CPU ms/request | MB | rate ÷ | CPU ÷ |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|",
)


def describe(results: Results[Sample], plan: Plan, postgresql: str) -> str:
    """Return the report in Markdown."""
    lines = [_line(results, operation, system) for operation, system in results]
    table = "\n".join((*_HEAD, *lines))
    return (
        f"Measured on {today()}: {describe_machine()}. {describe_versions(postgresql)}.\n\n"
        f"{plan.rounds} interleaved rounds of {plan.seconds} s; `wrk` with 1 thread and "
        f"{plan.connections} connections, on the same machine; {POOL_SIZE} connections to "
        f"PostgreSQL for each; {rows.USERS:,} users with {rows.TASKS_OF_A_USER} tasks each, "
        f"{rows.USERS_UNDER_LOAD} of them under load; a line of log for each request. Medians of "
        "the rounds, with the least and the greatest. In the last columns, how many times as many "
        "requests Taskward answers as each of the others, and with how many times less CPU for "
        "each, taken within each round. CPU and peak memory are the server's, without "
        f"PostgreSQL's.\n\n{table}\n"
    )


def _line(results: Results[Sample], operation: str, system: str) -> str:
    own, is_ours = results[operation, system], system == TASKWARD.title
    ours = [] if is_ours else results.get((operation, TASKWARD.title), [])
    pairs = list(zip(own, ours, strict=False))
    costs = [each.cpu_ms / us.cpu_ms for each, us in pairs if each.cpu_ms and us.cpu_ms]
    peaks = [
        sample.peak_mb or 0
        for (_, name), samples in results.items()
        for sample in samples
        if name == system
    ]
    cells = (
        operation,
        f"**{system}**" if is_ours else system,
        _spread([sample.requests_per_second for sample in own], 0),
        _median([sample.p50_ms for sample in own], 1),
        _median([sample.p99_ms for sample in own], 1),
        _median([sample.cpu_ms for sample in own], 2),
        f"{max(peaks):.0f}" if any(peaks) else "",
        _spread([us.requests_per_second / each.requests_per_second for each, us in pairs], 2),
        _spread(costs, 2),
    )
    return f"| {' | '.join(cells)} |"


def _median(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.{digits}f}" if known else ""


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    middle, least, greatest = spread(values, digits)
    return f"{middle} ({least}–{greatest})"  # noqa: RUF001 - a range
