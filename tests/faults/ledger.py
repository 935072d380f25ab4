"""What was sent, what came back, and what was thereby promised."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

LOST = "no answer"
ABORTED = "aborted by the client"
"""In the place of a status."""
ACKNOWLEDGED = {"200", "201"}


class Exchange(NamedTuple):
    """A request and its answer; `began` and `ended` are seconds of the monotonic clock."""

    began: float
    ended: float
    status: str
    code: str = ""
    retry_after: str | None = None
    promise: str | None = None

    @property
    def seconds(self) -> float:
        """How long the answer took."""
        return self.ended - self.began


class Ledger:
    """All exchanges of a fault, of all its clients: they are added by several threads."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.exchanges: list[Exchange] = []

    @property
    def promises(self) -> set[str]:
        """What was acknowledged."""
        return {each.promise for each in self.exchanges if each.promise}

    @property
    def acknowledged(self) -> int:
        """How many exchanges have acknowledged a change so far."""
        return sum(1 for each in self.exchanges if each.promise)

    @property
    def statuses(self) -> Counter[str]:
        """How often each status came."""
        return Counter(each.status for each in self.exchanges)

    @property
    def slowest(self) -> float:
        """How long the slowest answer took, in seconds."""
        return max((each.seconds for each in self.exchanges), default=0)

    @property
    def errors(self) -> list[str]:
        """Everything but success, as it came: when, and what."""
        fine = {"200", "201", ABORTED}
        wrong = sorted(each[:4] for each in self.exchanges if each.status not in fine)
        return [f"{status} `{code}`, {end - self.began:.2f} s" for _, end, status, code in wrong]

    def first_acknowledged(self, since: float) -> float | None:
        """When the first change was acknowledged after a moment."""
        ends = [each.ended for each in self.exchanges[:] if each.promise and each.ended >= since]
        return min(ends, default=None)

    def unanswered(self, stored: Collection[str]) -> int:
        """How much of what is stored was never acknowledged."""
        return len({*stored} - self.promises)


def problem_code(body: bytes) -> str:
    """The `code` of a problem document; nothing where it is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return "no JSON"
    return str(document.get("code", "")) if isinstance(document, dict) else ""


def percentile(seconds: Sequence[float], share: float = 0.99) -> float:
    """The time that this share of answers did not exceed."""
    return statistics.quantiles(seconds, n=1000, method="inclusive")[round(share * 1000) - 1]
