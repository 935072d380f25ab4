"""Whether memory is flat: small at rest, and from the tenth part on as good as constant."""

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
        """Whether it is small at rest, and grows no more once it is warm."""
        warm, *_, last = self.at.values()
        return self.at_rest < REST_MEGABYTES and last <= warm * (1 + GROWTH)


def judge(looks: Sequence[Look]) -> Verdict:
    """Sum up what was seen."""
    answered = looks[-1].answered
    at = {
        share: next(look.megabytes for look in looks if look.answered >= share * answered)
        for share in SHARES
    }
    return Verdict(answered, looks[0].megabytes, at)
