"""The samples of a measurement."""

from statistics import median
from typing import NamedTuple

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """The results of one system, operation and round. What was not measured is None."""

    round: int
    system: str
    operation: str
    requests_per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    peak_mb: float | None = None


class Spread(NamedTuple):
    """The median of some values, the least and the greatest."""

    median: float
    least: float
    greatest: float


def spread(values: list[float]) -> Spread:
    """Return the spread of some values."""
    return Spread(median(values), min(values), max(values))
