"""How many times as long the same takes at another size: within each round, and then the median."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.samples import Sample, Spread, spread

TOLERANCE = 0.15


class Line(NamedTuple):
    """What one question takes in milliseconds, round by round, of each system, in their order."""

    question: str
    times: dict[str, list[float]]

    def ratio(self, system: str, base: str) -> Spread:
        """How many times as long it takes of one system as of another."""
        pairs = zip(self.times[system], self.times[base], strict=True)
        return spread([own / other for own, other in pairs])

    @property
    def worst(self) -> float:
        """The greatest ratio to the first system."""
        base, *others = self.times
        return max((self.ratio(system, base).median for system in others), default=1.0)

    @property
    def is_flat(self) -> bool:
        """Whether no system takes longer than the first, within the tolerance."""
        return self.worst <= 1 + TOLERANCE


def lines_of(samples: Sequence[Sample], systems: Sequence[str]) -> list[Line]:
    """The lines of some systems."""
    ordered = sorted(samples, key=lambda sample: sample.round)
    own = [sample for sample in ordered if sample.system in systems]
    return [
        Line(question, {system: _times(own, system, question) for system in systems})
        for question in dict.fromkeys(sample.operation for sample in own)
    ]


def places_of(samples: Sequence[Sample], system: str, prefix: str) -> Line:
    """A line of the questions of one system that begin alike, as if they were systems."""
    ordered = sorted(samples, key=lambda sample: sample.round)
    own = [sample for sample in ordered if sample.system == system]
    names = dict.fromkeys(sample.operation for sample in own if sample.operation.startswith(prefix))
    return Line(prefix, {name: _times(own, system, name) for name in names})


def _times(samples: Sequence[Sample], system: str, question: str) -> list[float]:
    return [
        sample.p50_ms
        for sample in samples
        if (sample.system, sample.operation) == (system, question) and sample.p50_ms is not None
    ]
