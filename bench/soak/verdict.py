"""The verdict on memory: small at rest, and almost constant after a tenth of the requests."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.soak.run import Look

REST_MEGABYTES = 120
GROWTH = 0.05
SHARES = (0.1, 0.5, 1.0)


class Verdict(NamedTuple):
    """The memory in MB at rest, and after shares of all requests."""

    answered: int
    at_rest: float
    at: dict[float, float]

    @property
    def holds(self) -> bool:
        """Return whether memory is small at rest and does not grow after the warm-up."""
        warm, *_, last = self.at.values()
        return self.at_rest < REST_MEGABYTES and last <= warm * (1 + GROWTH)


def judge(looks: Sequence[Look]) -> Verdict:
    """Return the verdict on all samples."""
    answered = looks[-1].answered
    at = {
        share: next(look.megabytes for look in looks if look.answered >= share * answered)
        for share in SHARES
    }
    return Verdict(answered, looks[0].megabytes, at)
