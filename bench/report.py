"""The table: medians with their spread, and how many times Taskward's rate is of each other's."""

from collections.abc import Sequence
from statistics import median

from bench.samples import Sample, spread
from bench.systems import TASKWARD

_HEAD = (
    "| operation | system | requests/s | p50 ms | p99 ms | CPU ms/request | peak MB | Taskward ÷ |",
    "|---|---|--:|--:|--:|--:|--:|--:|",
)


def table(samples: Sequence[Sample], titles: dict[str, str]) -> str:
    """The Markdown table of all samples; `titles` of the systems, in order."""
    operations = dict.fromkeys(sample.operation for sample in samples)
    lines = [
        _line(operation, title, of, _of(samples, TASKWARD.name, operation))
        for operation in operations
        for system, title in titles.items()
        if (of := _of(samples, system, operation))
    ]
    return "\n".join((*_HEAD, *lines))


def ratios(ours: Sequence[Sample], others: Sequence[Sample]) -> list[float]:
    """Taskward's rate divided by another's, of each round."""
    rates = {sample.round: sample.requests_per_second for sample in others}
    return [each.requests_per_second / rates[each.round] for each in ours if each.round in rates]


def _of(samples: Sequence[Sample], system: str, operation: str) -> list[Sample]:
    return [each for each in samples if (each.system, each.operation) == (system, operation)]


def _line(operation: str, title: str, of: list[Sample], ours: list[Sample]) -> str:
    rate = spread([sample.requests_per_second for sample in of])
    cells = (
        operation,
        title,
        f"{rate.median:,.0f} ({rate.least:,.0f}–{rate.greatest:,.0f})",  # noqa: RUF001 - a range
        _median([sample.p50_ms for sample in of], 1),
        _median([sample.p99_ms for sample in of], 1),
        _median([sample.cpu_ms for sample in of], 2),
        _median([sample.peak_mb for sample in of[-1:]], 0),
        _ratio(ours, of) if ours and of is not ours and of[0].system != TASKWARD.name else "",
    )
    return f"| {' | '.join(cells)} |"


def _median(values: list[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.{digits}f}" if known else ""


def _ratio(ours: list[Sample], others: list[Sample]) -> str:
    ratio = spread(ratios(ours, others))
    return f"{ratio.median:.2f} ({ratio.least:.2f}–{ratio.greatest:.2f})"  # noqa: RUF001 - a range
