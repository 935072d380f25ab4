"""The command line: `python -m tests.faults`."""

import argparse
import sys
from collections.abc import Sequence

from app.commands.interruption import Interruption
from tests.faults import postgres
from tests.faults.catalogue import FAULTS
from tests.faults.publication import describe, publish
from tests.faults.report import Row
from tests.faults.scene import Scene, Size, staged
from tests.support.folders import open_folder

SIZE = Size(kills=20, aborted=20_000, rounds=20, windows=9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the faults; return the exit status of the process, which is 1 if a promise is broken."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and {*options.only} != {*FAULTS}:
        parser.error("--write takes all of them")
    Interruption().install()  # on a signal, every context closes and stops its processes
    with (
        open_folder() as folder,
        postgres.running(folder) as running,
        staged(running, folder) as scene,
    ):
        rows = [_show(name, scene) for name in options.only]
        report = describe(rows, scene)
    print(f"\n{report}")
    if options.write:
        publish(report)
    return 1 if any(row.broken for row in rows) else 0


def _show(name: str, scene: Scene) -> Row:
    row = FAULTS[name](scene, SIZE)
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
