"""A search for the most expensive input: it mutates the most expensive ones found so far."""

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

_KEPT = 6


class Found(NamedTuple, Generic[T]):
    """A candidate and its cost in seconds of CPU time."""

    cost: float
    candidate: T


def worst(
    seeds: Sequence[T],
    mutate: Callable[[T, T, Random], T],
    cost: Callable[[T], float],
    random: Random,
    *,
    steps: int,
    enough: float,
) -> Found[T]:
    """Return the most expensive candidate. Stop early at one that costs `enough`."""
    known = [Found(cost(each), each) for each in seeds]
    for _ in range(steps):
        known = sorted(known, key=lambda found: found.cost, reverse=True)[:_KEPT]
        if known[0].cost > enough:
            break
        parent, other = random.choice(known[:3]), random.choice(known)
        child = mutate(parent.candidate, other.candidate, random)
        found = Found(cost(child), child)
        # Measure it again: another process may have disturbed the measurement.
        if found.cost > known[0].cost:
            found = Found(min(found.cost, cost(child), cost(child)), child)
        known.append(found)
    return max(known, key=lambda found: found.cost)


def least(run: Callable[[], object], times: int) -> float:
    """Return the CPU time in seconds of the fastest of some runs on this thread."""
    return min(_seconds(run) for _ in range(times))


def _seconds(run: Callable[[], object]) -> float:
    began = time.thread_time()
    run()
    return time.thread_time() - began
