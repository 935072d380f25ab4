"""The command line: `python -m bench.soak`."""

import argparse
import sys
from collections.abc import Sequence

from app.commands.interruption import Interruption
from app.database.embedded import EmbeddedPostgresError
from bench.errors import BenchError
from bench.soak.run import Look, soak
from bench.soak.verdict import Verdict, judge


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; return the exit status of the process, which is 1 if memory grows."""
    options = _parser().parse_args(arguments)
    Interruption().install()  # on a signal, every context closes and stops its processes
    try:
        verdict = judge(soak(options.requests, options.connections, _show))
    except (BenchError, EmbeddedPostgresError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(_describe(verdict))
    return 0 if verdict.holds else 1


def _show(look: Look) -> None:
    print(f"{look.answered:9,} answered {look.megabytes:8.1f} MB", flush=True)


def _describe(verdict: Verdict) -> str:
    shares = ", ".join(f"{size:.1f} MB at {share:.0%}" for share, size in verdict.at.items())
    word = "flat" if verdict.holds else "NOT flat"
    return f"{verdict.answered:,} requests: {verdict.at_rest:.1f} MB at rest, {shares}: {word}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak",
        description="Tell whether the memory of a server grows while it answers.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=200_000, help="how many are sent")
    parser.add_argument("--connections", type=int, default=16, help="how many there are at once")
    return parser


if __name__ == "__main__":
    sys.exit(main())
