"""The comparison: starts all systems, measures them side by side, and stops them."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from app.database import embedded
from app.database.embedded.location import find_location
from bench import agreement, pgbench
from bench.databases import Databases
from bench.load import run_wrk, write_users
from bench.operations import EMPTY, OPERATIONS, Operation
from bench.rounds import Results, Turn, run
from bench.servers import Server, serve
from bench.systems import EMPTY_APP, TASKWARD, System


class Plan(NamedTuple):
    """The rounds of a comparison, the seconds of each turn, and the connections of wrk."""

    rounds: int
    seconds: int
    connections: int


class Sample(NamedTuple):
    """The results of one system, operation and round. What was not measured is None."""

    requests_per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    peak_mb: float | None = None


def compare(systems: Sequence[System], plan: Plan, folder: Path) -> tuple[Results[Sample], str]:
    """Measure all systems and the limits. Return the results, and the version of PostgreSQL."""
    with ExitStack() as stack:
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(cluster.url)
        site = _Site(databases, write_users(folder / "users.txt"), plan.connections)
        turns: list[Turn[Sample]] = []
        for system in systems:
            make = databases.make_for_taskward if system is TASKWARD else databases.make_for_peer
            make(system.name)
            server = stack.enter_context(serve(system, databases.url(system.name), folder))
            agreement.check(server)
            for operation in OPERATIONS:
                site.reset(system.name, operation)
            turns += [site.turn_of_server(server, operation) for operation in OPERATIONS]
        databases.make_for_peer(pgbench.NAME)
        program = find_location(folder / "postgresql").binaries / "pgbench"
        turns += [site.turn_of_pgbench(program, operation) for operation in OPERATIONS]
        server = stack.enter_context(serve(EMPTY_APP, cluster.url, folder))
        turns.append(site.turn_of_server(server, EMPTY))
        return run(turns, plan.rounds, plan.seconds), databases.value("SHOW server_version")


class _Site(NamedTuple):
    """The databases, users and connections of a comparison."""

    databases: Databases
    users: Path
    connections: int

    def turn_of_server(self, server: Server, operation: Operation) -> Turn[Sample]:
        """Return the turn of wrk on a server."""

        def measure(_: int, seconds: int) -> Sample:
            before = server.cpu_seconds()
            result = run_wrk(server.base_url, operation, self.users, seconds, self.connections)
            cpu = server.cpu_seconds() - before
            self.reset(server.system.name, operation)
            rate = result.requests / result.seconds
            print(f"{operation.name:10}{server.system.title:20}{rate:8,.0f}/s", flush=True)
            return Sample(
                requests_per_second=rate,
                p50_ms=result.p50_ms,
                p99_ms=result.p99_ms,
                cpu_ms=1000 * cpu / result.requests,
                peak_mb=server.peak_megabytes(),
            )

        return Turn(operation.name, server.system.title, measure)

    def turn_of_pgbench(self, program: Path, operation: Operation) -> Turn[Sample]:
        """Return the turn of pgbench."""

        def measure(_: int, seconds: int) -> Sample:
            url = self.databases.url(pgbench.NAME)
            rate = pgbench.transactions_per_second(program, url, operation.name, seconds)
            self.reset(pgbench.NAME, operation)
            return Sample(rate)

        return Turn(operation.name, pgbench.LABEL, measure)

    def reset(self, name: str, operation: Operation) -> None:
        """Undo the changes of an operation to the rows of a system."""
        if operation.writes:
            self.databases.reset(name, operation.name)
