"""The command line: `python -m bench.scale`."""

import argparse
import sys
from functools import partial

from bench.errors import reporting
from bench.scale.measurement import Result, measure
from bench.scale.report import tables
from bench.systems import ROOT
from bench.versions import describe_machine, today
from tests.blocks import write_block
from tests.support.folders import world_readable_tmp

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PAGE = ROOT / "docs" / "explanation" / "scale.md"


def main() -> int:
    """Run the measurement; return the exit status of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description="Measure whether latency grows with the number of tasks.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=10, help="interleaved rounds")
    parser.add_argument("--seconds", type=int, default=1, help="how long each is asked at the most")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of tasks")
    parser.add_argument("--shared-buffers", help="of PostgreSQL, filled beforehand, such as 8GB")
    parser.add_argument("--write", action="store_true", help="put the result into docs")
    return reporting(partial(_run, parser.parse_args()))


def _run(options: argparse.Namespace) -> None:
    rounds = options.rounds, options.seconds
    with world_readable_tmp() as folder:
        result = measure(options.sizes, rounds, folder, options.shared_buffers)
    names = [f"{size:,}" for size in options.sizes]
    text = f"{_describe(result, *rounds)}\n\n{tables(result, names)}\n"
    print(f"\n{text}")
    if options.write:
        write_block(PAGE, f"scale {result.shared_buffers}", text)


def _describe(result: Result, rounds: int, seconds: int) -> str:
    sizes = ", ".join(f"{size:,.0f} MB" for size in result.megabytes)
    return (
        f"Measured on {today()}: {describe_machine()}. PostgreSQL {result.postgresql}. The "
        f"databases are of {sizes}; shared_buffers is {result.shared_buffers} for all of them "
        f"together, and every file was read once beforehand.\n\n{rounds} interleaved rounds of at "
        f"most {seconds} s, one request after the other over one connection, each of a user drawn "
        "at random from all: the median of the rounds' p50, and in brackets how many times as long "
        "as in the first column, as the median, the least and the greatest of the ratios within "
        "each round."
    )


if __name__ == "__main__":
    sys.exit(main())
