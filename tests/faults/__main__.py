"""The command line: `python -m tests.faults`."""

import argparse
import sys
from collections.abc import Sequence

from app.commands.interruption import Interruption
from tests.faults import postgres
from tests.faults.catalogue import FAULTS
from tests.faults.environment import FaultEnvironment, Size, fault_environment
from tests.faults.publication import describe, publish
from tests.faults.report import Row
from tests.support.folders import world_readable_tmp

SIZE = Size(kills=20, aborted=20_000, rounds=20, windows=9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the faults; return the exit status of the process, which is 1 if a promise is broken."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and {*options.only} != {*FAULTS}:
        parser.error("--write takes all of them")
    Interruption().install()  # on a signal, every context closes and stops its processes
    with (
        world_readable_tmp() as folder,
        postgres.running(folder) as running,
        fault_environment(running, folder) as environment,
    ):
        rows = [_show(name, environment) for name in options.only]
        report = describe(rows, environment)
    print(f"\n{report}")
    if options.write:
        publish(report)
    return 1 if any(row.broken for row in rows) else 0


def _show(name: str, environment: FaultEnvironment) -> Row:
    row = FAULTS[name](environment, SIZE)
    print(row, flush=True)
    return row


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="Let faults happen to a server, and count what becomes of its promises.",
    )
    names = ", ".join(FAULTS)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*FAULTS],
        default=[*FAULTS],
        metavar="FAULT",
        help=f"some of {names}",
    )
    parser.add_argument("--write", action="store_true", help="put the table into the documentation")
    return parser


if __name__ == "__main__":
    sys.exit(main())
