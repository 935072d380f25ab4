"""The rounds: each system runs for a few seconds in turn, in an order that changes."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")

WARM_UP_SECONDS = 1


class Turn(NamedTuple, Generic[T]):
    """An operation, a system, and the function that measures them in a round for some seconds."""

    operation: str
    system: str
    measure: Callable[[int, int], T]


Results: TypeAlias = Mapping[tuple[str, str], list[T]]
"""What was measured in each round, by operation and system."""


def run(turns: Sequence[Turn[T]], rounds: int, seconds: int) -> Results[T]:
    """Warm every system up, then measure all in interleaved rounds."""
    for turn in turns:
        turn.measure(0, WARM_UP_SECONDS)
    operations = list(dict.fromkeys(turn.operation for turn in turns))
    ordered = sorted(turns, key=lambda turn: operations.index(turn.operation))
    results: dict[tuple[str, str], list[T]] = {each[:2]: [] for each in ordered}
    for round_ in range(1, rounds + 1):
        print(f"round {round_}", flush=True)
        for operation in operations:
            own = [turn for turn in turns if turn.operation == operation]
            first = round_ % len(own)
            for turn in own[first:] + own[:first]:
                results[turn[:2]].append(turn.measure(round_, seconds))
    return results


def spread(values: Sequence[float], digits: int) -> tuple[str, str, str]:
    """Return `(median, least, greatest)` of some values, with so many digits."""
    middle, least, greatest = (
        f"{value:,.{digits}f}" for value in (median(values), min(values), max(values))
    )
    return middle, least, greatest
