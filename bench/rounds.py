"""The rounds: each system runs for a few seconds in turn, in an order that changes."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bench.operations import Operation
from bench.samples import Sample

WARM_UP_SECONDS = 1


class Plan(NamedTuple):
    """The rounds, seconds and connections of a measurement, and its operations."""

    rounds: int
    seconds: int
    connections: int
    operations: tuple[Operation, ...]


class Turn(NamedTuple):
    """A system, an operation, and the function that measures them in a round for some seconds."""

    system: str
    operation: str
    measure: Callable[[int, int], Sample]


def run(turns: Sequence[Turn], plan: Plan) -> Iterator[Sample]:
    """Warm every system up, then measure all in interleaved rounds; yield the samples."""
    for turn in turns:
        turn.measure(0, WARM_UP_SECONDS)
    operations = list(dict.fromkeys(turn.operation for turn in turns))
    for round_ in range(1, plan.rounds + 1):
        for operation in operations:
            yield from _take_turns(
                [each for each in turns if each.operation == operation], round_, plan
            )


def _take_turns(turns: list[Turn], round_: int, plan: Plan) -> Iterator[Sample]:
    first = round_ % len(turns)
    for turn in turns[first:] + turns[:first]:
        yield turn.measure(round_, plan.seconds)
