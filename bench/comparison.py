"""The comparison: starts all systems, measures them side by side, and stops them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from app.database import embedded
from app.database.embedded.place import find_place
from bench import agreement, pgbench
from bench.databases import Databases
from bench.load import run_wrk
from bench.operations import EMPTY, Operation
from bench.pgbench import Pgbench
from bench.rounds import Plan, Turn, run
from bench.samples import Sample
from bench.servers import Server, serve
from bench.systems import EMPTY_APP, TASKWARD, System
from bench.tokens import write_users
from tests.support.folders import open_folder


class _Site(NamedTuple):
    """The databases, users and plan of a comparison."""

    databases: Databases
    users: Path
    plan: Plan


def compare(
    systems: Sequence[System], plan: Plan, *, limits: bool, show: Callable[[Sample], None]
) -> tuple[list[Sample], str]:
    """Measure all systems, and with `limits` the limits; return samples and server version."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        site = _Site(Databases(cluster.url), write_users(folder / "users.txt"), plan)
        site.databases.make_for_taskward(TASKWARD.name)
        peers = [each.name for each in systems if each is not TASKWARD]
        site.databases.make_for_peers([*peers, pgbench.NAME])
        turns = []
        for system in systems:
            url = site.databases.url(system.name)
            server = stack.enter_context(serve(system, url, folder))
            _check(server, site.databases)
            turns += [_turn_of_server(server, each, site) for each in plan.operations]
        if limits:
            server = stack.enter_context(serve(EMPTY_APP, cluster.url, folder))
            turns.append(_turn_of_server(server, EMPTY, site))
            binaries = find_place(folder / "postgresql").binaries
            program = Pgbench(binaries, site.databases.url(pgbench.NAME), folder)
            turns += [_turn_of_pgbench(program, each, site) for each in plan.operations]
        return list(_shown(run(turns, plan), show)), site.databases.version()


def _shown(samples: Iterator[Sample], show: Callable[[Sample], None]) -> Iterator[Sample]:
    for sample in samples:
        show(sample)
        yield sample


def _check(server: Server, databases: Databases) -> None:
    agreement.check(server)
    for operation in ("create", "complete"):
        databases.reset(server.system.name, operation)


def _turn_of_server(server: Server, operation: Operation, site: _Site) -> Turn:
    def measure(round_: int, seconds: int) -> Sample:
        before = server.cpu_seconds()
        result = run_wrk(server.base_url, operation, site.users, seconds, site.plan.connections)
        cpu = server.cpu_seconds() - before
        if operation.writes:
            site.databases.reset(server.system.name, operation.name)
        return Sample(
            round=round_,
            system=server.system.name,
            operation=operation.name,
            requests_per_second=result.requests / result.seconds,
            p50_ms=result.p50_ms,
            p99_ms=result.p99_ms,
            cpu_ms=1000 * cpu / result.requests,
            peak_mb=server.peak_megabytes(),
        )

    return Turn(server.system.name, operation.name, measure)


def _turn_of_pgbench(program: Pgbench, operation: Operation, site: _Site) -> Turn:
    def measure(round_: int, seconds: int) -> Sample:
        rate = program.transactions_per_second(operation.name, seconds)
        if operation.writes:
            site.databases.reset(pgbench.NAME, operation.name)
        return Sample(round_, pgbench.NAME, operation.name, rate)

    return Turn(pgbench.NAME, operation.name, measure)
