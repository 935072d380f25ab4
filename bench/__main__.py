"""The command line: `python -m bench`."""

import argparse
import sys
from functools import partial

from bench.comparison import Plan, compare
from bench.errors import BenchError, reporting
from bench.load import require_wrk
from bench.report import PAGE, describe
from bench.systems import FASTIFY, NODE_FOLDER, PEERS, PEERS_PYTHON, TASKWARD
from tests.blocks import write_block
from tests.support import node_packages
from tests.support.folders import world_readable_tmp

LEAST_ROUNDS = 5
"""A result of fewer rounds is too uncertain to publish."""


def main() -> int:
    """Run the benchmark; return the exit status of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compare Taskward with other frameworks, side by side.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="interleaved rounds")
    parser.add_argument("--seconds", type=int, default=4, help="how long each system is asked")
    parser.add_argument("--connections", type=int, default=16, help="of wrk")
    parser.add_argument("--against", nargs="+", choices=PEERS, default=[*PEERS], help="the peers")
    parser.add_argument("--write", action="store_true", help="put the result into docs")
    options = parser.parse_args()
    if options.write and (options.rounds < LEAST_ROUNDS or {*options.against} != {*PEERS}):
        parser.error(f"--write takes all peers, and at least {LEAST_ROUNDS} rounds")
    return reporting(partial(_run, options))


def _run(options: argparse.Namespace) -> None:
    require_wrk()
    if not PEERS_PYTHON.exists():
        raise BenchError("the peers are not installed; make bench does that")
    if FASTIFY.name in options.against:
        node_packages.install(NODE_FOLDER)
    plan = Plan(options.rounds, options.seconds, options.connections)
    systems = [TASKWARD, *(PEERS[name] for name in options.against)]
    with world_readable_tmp() as folder:
        samples, postgresql = compare(systems, plan, folder)
    report = describe(samples, plan, postgresql)
    print(f"\n{report}")
    if options.write:
        write_block(PAGE, "bench", report)


if __name__ == "__main__":
    sys.exit(main())
