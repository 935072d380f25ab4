"""Ratios of latency between sizes: computed within each round, then reduced to the median."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.samples import Sample, Spread, spread

TOLERANCE = 0.15


class Line(NamedTuple):
    """The times of one question in milliseconds, by round, for each system in order."""

    question: str
    times: dict[str, list[float]]

    def ratio(self, system: str, base: str) -> Spread:
        """Return the spread of the ratios of one system's times to another's."""
        pairs = zip(self.times[system], self.times[base], strict=True)
        return spread([own / other for own, other in pairs])

    @property
    def worst(self) -> float:
        """Return the greatest median ratio to the first system."""
        base, *others = self.times
        return max((self.ratio(system, base).median for system in others), default=1.0)

    @property
    def is_flat(self) -> bool:
        """Return whether no system takes longer than the first, within the tolerance."""
        return self.worst <= 1 + TOLERANCE


def lines_of(samples: Sequence[Sample], systems: Sequence[str]) -> list[Line]:
    """Return one line for each question, over some systems."""
    ordered = sorted(samples, key=lambda sample: sample.round)
    own = [sample for sample in ordered if sample.system in systems]
    return [
        Line(question, {system: _times(own, system, question) for system in systems})
        for question in dict.fromkeys(sample.operation for sample in own)
    ]


def places_of(samples: Sequence[Sample], system: str, prefix: str) -> Line:
    """Return a line over the questions of one system with the same prefix, in place of systems."""
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
