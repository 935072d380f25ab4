"""Records of requests, of their responses, and of the changes that these acknowledged."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

LOST = "no answer"
ABORTED = "aborted by the client"
"""The value in place of a status."""
ACKNOWLEDGED = {"200", "201"}


class RecordedRequest(NamedTuple):
    """A request and its response; `began` and `ended` are seconds of the monotonic clock."""

    began: float
    ended: float
    status: str
    code: str = ""
    retry_after: str | None = None
    promise: str | None = None

    @property
    def seconds(self) -> float:
        """Return the seconds until the response."""
        return self.ended - self.began


class Ledger:
    """All exchanges of all clients during a fault. Several threads add to it."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.requests: list[RecordedRequest] = []

    @property
    def promises(self) -> set[str]:
        """Return the acknowledged changes."""
        return {each.promise for each in self.requests if each.promise}

    @property
    def acknowledged(self) -> int:
        """Return how many exchanges have acknowledged a change so far."""
        return sum(1 for each in self.requests if each.promise)

    @property
    def statuses(self) -> Counter[str]:
        """Return the count of each status."""
        return Counter(each.status for each in self.requests)

    @property
    def slowest(self) -> float:
        """Return the seconds of the slowest response."""
        return max((each.seconds for each in self.requests), default=0)

    @property
    def errors(self) -> list[str]:
        """Return a line for each response that is not a success, with its status and time."""
        fine = {"200", "201", ABORTED}
        wrong = sorted(each[:4] for each in self.requests if each.status not in fine)
        return [f"{status} `{code}`, {end - self.began:.2f} s" for _, end, status, code in wrong]

    def first_acknowledged(self, since: float) -> float | None:
        """Return when the first change was acknowledged after a moment, or None."""
        ends = [each.ended for each in self.requests[:] if each.promise and each.ended >= since]
        return min(ends, default=None)

    def unanswered(self, stored: Collection[str]) -> int:
        """Return how many stored changes were never acknowledged."""
        return len({*stored} - self.promises)


def problem_code(body: bytes) -> str:
    """Return the `code` of a problem document; an empty text for other JSON."""
    try:
        document = json.loads(body)
    except ValueError:
        return "no JSON"
    return str(document.get("code", "")) if isinstance(document, dict) else ""


def percentile(seconds: Sequence[float], share: float = 0.99) -> float:
    """Return the time that this share of the responses did not exceed."""
    return statistics.quantiles(seconds, n=1000, method="inclusive")[round(share * 1000) - 1]
