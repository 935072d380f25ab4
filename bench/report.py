"""The table: medians with their spread, and the comparison of Taskward with each other system."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from bench.samples import Sample, spread
from bench.systems import TASKWARD

_HEAD = (
    "| operation | system | requests/s | p50 ms | p99 ms | CPU ms/request | MB | rate ÷ | CPU ÷ |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|",
)


class Row(NamedTuple):
    """All rounds of one system and operation, and Taskward's rounds of the same operation."""

    operation: str
    system: str
    samples: list[Sample]
    of_taskward: list[Sample]

    @property
    def rates(self) -> list[float]:
        """Return the requests per second of each round."""
        return [sample.requests_per_second for sample in self.samples]

    @property
    def ratios(self) -> list[float]:
        """Return Taskward's rate divided by this one, for each round."""
        pairs = zip(self.of_taskward, self.samples, strict=False)
        return [ours.requests_per_second / each.requests_per_second for ours, each in pairs]

    @property
    def cpu_ratios(self) -> list[float]:
        """Return the CPU per request of this one divided by Taskward's, for each round."""
        pairs = zip(self.of_taskward, self.samples, strict=False)
        return [each.cpu_ms / ours.cpu_ms for ours, each in pairs if each.cpu_ms and ours.cpu_ms]


def rows(samples: Sequence[Sample], systems: Sequence[str]) -> list[Row]:
    """Return the rows, by operation and then in the order of `systems`."""
    ordered = sorted(samples, key=lambda sample: sample.round)
    found = {(each.operation, each.system): _of(ordered, each) for each in ordered}
    return [
        Row(operation, system, found[operation, system], found.get((operation, TASKWARD.name), []))
        for operation in dict.fromkeys(sample.operation for sample in samples)
        for system in systems
        if (operation, system) in found
    ]


def table(samples: Sequence[Sample], titles: dict[str, str]) -> str:
    """Return the Markdown table of all samples; `titles` are those of the systems, in order."""
    peaks = {name: _peak(samples, name) for name in titles}
    lines = [_line(row, titles[row.system], peaks[row.system]) for row in rows(samples, [*titles])]
    return "\n".join((*_HEAD, *lines))


def _of(samples: Sequence[Sample], like: Sample) -> list[Sample]:
    wanted = (like.system, like.operation)
    return [each for each in samples if (each.system, each.operation) == wanted]


def _peak(samples: Sequence[Sample], system: str) -> str:
    known = [each.peak_mb for each in samples if each.system == system and each.peak_mb]
    return f"{max(known):.0f}" if known else ""


def _line(row: Row, title: str, peak: str) -> str:
    name = f"**{title}**" if row.system == TASKWARD.name else title
    cells = (
        row.operation,
        name,
        _spread(row.rates, 0),
        _median([sample.p50_ms for sample in row.samples], 1),
        _median([sample.p99_ms for sample in row.samples], 1),
        _median([sample.cpu_ms for sample in row.samples], 2),
        peak,
        *(_of_peer(row, ratios) for ratios in (row.ratios, row.cpu_ratios)),
    )
    return f"| {' | '.join(cells)} |"


def _of_peer(row: Row, ratios: list[float]) -> str:
    return _spread(ratios, 2) if ratios and row.system != TASKWARD.name else ""


def _median(values: list[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.{digits}f}" if known else ""


def _spread(values: list[float], digits: int) -> str:
    middle, least, greatest = (f"{value:,.{digits}f}" for value in spread(values))
    return f"{middle} ({least}–{greatest})"  # noqa: RUF001 - a range
