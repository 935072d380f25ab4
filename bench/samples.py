"""What one run of the load on one system has shown."""

from statistics import median
from typing import NamedTuple

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """One system, one operation, one round. What was not measured is None."""

    round: int
    system: str
    operation: str
    requests_per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    peak_mb: float | None = None


class Spread(NamedTuple):
    """The median of some values, the least and the greatest of them."""

    median: float
    least: float
    greatest: float


def spread(values: list[float]) -> Spread:
    """Sum values up."""
    return Spread(median(values), min(values), max(values))
