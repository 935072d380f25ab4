"""The rounds: one system after the other, each for a few seconds, in an order that changes."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.databases import Databases
from bench.load import run_wrk
from bench.operations import Operation
from bench.samples import Sample
from bench.servers import Server
from bench.usage import cpu_seconds, peak_megabytes

WARM_UP_SECONDS = 1


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    seconds: int
    connections: int
    operations: tuple[Operation, ...]


class Measured(NamedTuple):
    """A system, an operation, and how to measure it for some seconds."""

    system: str
    operation: str
    measure: Callable[[int, int], Sample]


def of_server(
    server: Server, operation: Operation, databases: Databases, users: Path, connections: int
) -> Measured:
    """Measure a server with wrk."""

    def measure(round_: int, seconds: int) -> Sample:
        before = cpu_seconds(server.pid)
        result = run_wrk(server.base_url, operation, users, seconds, connections)
        cpu = cpu_seconds(server.pid) - before
        if operation.writes:
            databases.reset(server.system.name, operation.name)
        return Sample(
            round=round_,
            system=server.system.name,
            operation=operation.name,
            requests_per_second=result.requests / result.seconds,
            p50_ms=result.p50_ms,
            p99_ms=result.p99_ms,
            cpu_ms=1000 * cpu / result.requests,
            peak_mb=peak_megabytes(server.pid),
        )

    return Measured(server.system.name, operation.name, measure)


def run(all_: Sequence[Measured], plan: Plan) -> Iterator[Sample]:
    """Warm everything up, then measure it in interleaved rounds."""
    for each in all_:
        each.measure(0, WARM_UP_SECONDS)
    operations = list(dict.fromkeys(each.operation for each in all_))
    for round_ in range(1, plan.rounds + 1):
        for operation in operations:
            chosen = [each for each in all_ if each.operation == operation]
            start = round_ % len(chosen)
            for each in chosen[start:] + chosen[:start]:
                yield each.measure(round_, plan.seconds)
