"""The command line: `python -m bench`."""

import argparse
import sys
from collections.abc import Callable, Collection, Sequence

from app.commands.interruption import Interruption
from app.database.embedded import EmbeddedPostgresError
from bench import pgbench
from bench.comparison import compare
from bench.errors import BenchError
from bench.load import require_wrk
from bench.operations import OPERATIONS
from bench.publication import describe, keep, publish
from bench.rounds import Plan
from bench.samples import Sample
from bench.systems import EMPTY_APP, FASTIFY, NODE_FOLDER, PEERS, PEERS_PYTHON, TASKWARD
from tests.support import node_packages

LIMITS = "limits"
EVERYTHING = (*PEERS, LIMITS)
LEAST_ROUNDS = 5
"""A result of fewer rounds is too uncertain to publish."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit status of the process."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and not _is_complete(options):
        parser.error(f"--write takes everything, and at least {LEAST_ROUNDS} rounds")
    Interruption().install()  # on a signal, every context closes and stops its processes
    try:
        _run(options)
    except (BenchError, EmbeddedPostgresError, node_packages.MissingError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    require_wrk()
    if not PEERS_PYTHON.exists():
        raise BenchError("the peers are not installed; make bench does that")
    if FASTIFY.name in options.against:
        node_packages.install(NODE_FOLDER)
    operations = tuple(OPERATIONS[name] for name in options.operations)
    plan = Plan(options.rounds, options.seconds, options.connections, operations)
    systems = [TASKWARD, *(PEERS[name] for name in options.against if name in PEERS)]
    limits = LIMITS in options.against
    samples, postgresql = compare(systems, plan, limits=limits, show=_show)
    titles = {each.name: each.title for each in (*systems, EMPTY_APP)}
    titles[pgbench.NAME] = "pgbench, same SQL"
    report = describe(samples, titles, plan, postgresql)
    print(f"\n{report}\nEverything is in {keep(samples, report)}.")
    if options.write:
        publish(report)


def _show(sample: Sample) -> None:
    rate = f"{sample.requests_per_second:8,.0f}/s"
    print(f"round {sample.round}  {sample.operation:9} {sample.system:10}{rate}", flush=True)


def _is_complete(options: argparse.Namespace) -> bool:
    everything = {*EVERYTHING} <= {*options.against} and {*OPERATIONS} <= {*options.operations}
    return everything and options.rounds >= LEAST_ROUNDS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compare Taskward with other frameworks, side by side.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="interleaved rounds")
    parser.add_argument("--seconds", type=int, default=4, help="how long each system is asked")
    parser.add_argument("--connections", type=int, default=16, help="of wrk")
    for name, known in (("--against", EVERYTHING), ("--operations", tuple(OPERATIONS))):
        names = ",".join(known)
        parser.add_argument(name, type=_names(known), default=names, help=f"some of {names}")
    parser.add_argument("--write", action="store_true", help="put the result into docs")
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
