"""The command line: `python -m bench`."""

import argparse
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from types import FrameType

from app.database import embedded
from bench import agreement
from bench.databases import Databases
from bench.errors import BenchError
from bench.load import require_wrk
from bench.operations import OPERATIONS
from bench.report import table
from bench.rounds import Plan, of_server, run
from bench.samples import Sample
from bench.servers import serve
from bench.systems import PEERS, TASKWARD, System
from bench.tokens import write_users
from tests.folders import open_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; answer the process's exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    operations = tuple(OPERATIONS[name] for name in options.operations)
    plan = Plan(options.rounds, options.seconds, options.connections, operations)
    systems = [TASKWARD, *(PEERS[name] for name in options.against)]
    try:
        require_wrk()
        samples = compare(systems, plan)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(table(samples, {each.name: each.title for each in systems}))
    return 0


def compare(systems: Sequence[System], plan: Plan) -> list[Sample]:
    """Measure all systems, side by side."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        server = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(server.url)
        databases.make_for_taskward(TASKWARD.name)
        databases.make_for_peers(each.name for each in systems if each is not TASKWARD)
        users = write_users(folder / "users.txt")
        servers = [
            stack.enter_context(serve(each, databases.url(each.name), folder)) for each in systems
        ]
        for each in servers:
            agreement.check(each)
            for operation in ("create", "complete"):
                databases.reset(each.system.name, operation)
        measured = [
            of_server(each, operation, databases, users, plan.connections)
            for operation in plan.operations
            for each in servers
        ]
        samples = []
        for sample in run(measured, plan):
            _show(sample)
            samples.append(sample)
        return samples


def _show(sample: Sample) -> None:
    print(
        f"round {sample.round}  {sample.operation:9} {sample.system:10} "
        f"{sample.requests_per_second:8.0f}/s",
        flush=True,
    )


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)  # every context closes, and nothing is left running


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each run (4)")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--against", type=_names(PEERS), default=tuple(PEERS))
    parser.add_argument("--operations", type=_names(OPERATIONS), default=tuple(OPERATIONS))
    return parser


def _names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if set(names) - set(known):
            raise argparse.ArgumentTypeError(f"choose from {','.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
