"""The command line: `python -m bench.scale`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from app.commands.interruption import Interruption
from app.database.embedded import EmbeddedPostgresError
from bench.errors import BenchError
from bench.publication import BUILD
from bench.rounds import Plan
from bench.samples import Sample
from bench.scale.measurement import Result, measure
from bench.scale.population import Size
from bench.scale.report import tables
from bench.systems import ROOT
from bench.versions import describe_machine, today
from tests.blocks import write_block
from tests.support.folders import open_folder

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PAGE = ROOT / "docs" / "explanation" / "scale.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; return the exit status of the process."""
    options = _parser().parse_args(arguments)
    Interruption().install()  # on a signal, every context closes and stops its processes
    try:
        _run(options)
    except (BenchError, EmbeddedPostgresError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    sizes = [Size(tasks) for tasks in options.sizes]
    names = [f"{size.tasks:,}" for size in sizes]
    plan = Plan(options.rounds, options.seconds, connections=1, operations=())
    with ExitStack() as stack:
        folder = options.data or stack.enter_context(open_folder())
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(sizes, plan, folder, _show, shared_buffers=options.shared_buffers)
    text = f"{_describe(result, plan)}\n\n{tables(result, names)}\n"
    print(f"\n{text}")
    _write(BUILD, "scale.json", msgspec.json.format(msgspec.json.encode(result)).decode())
    _write(BUILD, "scale.md", text)
    if options.write:
        write_block(PAGE, f"scale {result.shared_buffers}", text)


def _describe(result: Result, plan: Plan) -> str:
    sizes = ", ".join(f"{size:,.0f} MB" for size in result.megabytes.values())
    return (
        f"Measured on {today()}: {describe_machine()}. PostgreSQL {result.postgresql}. The "
        f"databases are of {sizes}; shared_buffers is {result.shared_buffers} for all of them "
        f"together, and every file was read once beforehand.\n\n{plan.rounds} "
        f"interleaved rounds of at most {plan.seconds} s, one request after the other over one "
        "connection, each of a user drawn at random from all: the median of the rounds' p50, and "
        "in brackets how many times as long as in the first column, as the median, the least and "
        "the greatest of the ratios within each round."
    )


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def _show(progress: str | Sample) -> None:
    if isinstance(progress, Sample):
        time = f"{progress.p50_ms:8.3f} ms"
        progress = f"round {progress.round}  {progress.operation:28}{progress.system:24}{time}"
    print(progress, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description="Measure whether latency grows with the number of tasks.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=10, help="interleaved rounds")
    parser.add_argument("--seconds", type=int, default=1, help="how long each is asked at the most")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of tasks")
    parser.add_argument("--data", type=Path, help="a folder to keep the databases in")
    parser.add_argument("--shared-buffers", help="of PostgreSQL, filled beforehand, such as 8GB")
    parser.add_argument("--write", action="store_true", help="put the result into docs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
