"""The tables: the latency of each question at each size, and the blocks that PostgreSQL reads."""

from collections.abc import Sequence
from statistics import median

from bench.scale.flatness import TOLERANCE, Line, lines_of, places_of
from bench.scale.measurement import HEAVY, Result
from bench.scale.work import Work


def tables(result: Result, sizes: Sequence[str]) -> str:
    """Return all tables in Markdown; `sizes` are the systems of ordinary users."""
    systems = dict.fromkeys(sample.system for sample in result.samples)
    heavy = [system for system in systems if system.startswith(HEAVY)]
    parts = [_table("request", sizes, lines_of(result.samples, sizes))]
    parts += _of_the_heavy_user(result, heavy) if heavy else []
    head = (
        "Blocks of 8 kB that PostgreSQL looks at for the statement, the median of some users; in "
    )
    head += "brackets those that were not in shared_buffers:"
    parts += [head, _blocks(result.work, sizes)]
    return "\n\n".join(parts)


def _of_the_heavy_user(result: Result, heavy: Sequence[str]) -> list[str]:
    parts = ["One user with 100,000 tasks more, compared with the first page of the same user:"]
    for prefix in ("list", "changes"):
        lines = [
            places_of(result.samples, system, prefix)._replace(question=system.removeprefix(HEAVY))
            for system in heavy
        ]
        parts.append(_table("tasks of others", [*lines[0].times], lines))
    return parts


def _table(head: str, columns: Sequence[str], lines: Sequence[Line]) -> str:
    rows = [
        f"| {head} | {' | '.join(columns)} | within {TOLERANCE:.0%} |",
        f"|---|{'--:|' * len(columns)}---|",
        *(_row(line) for line in lines),
    ]
    return "\n".join(rows)


def _row(line: Line) -> str:
    base, *others = line.times
    cells = [f"{median(line.times[base]):.2f} ms"]
    for system in others:
        ratio = line.ratio(system, base)
        span = f"{ratio.median:.2f}: {ratio.least:.2f}–{ratio.greatest:.2f}"  # noqa: RUF001 - a range
        cells.append(f"{median(line.times[system]):.2f} ms ({span})")
    verdict = "yes" if line.is_flat else "**no**"
    return f"| {line.question} | {' | '.join(cells)} | {verdict} |"


def _blocks(work: Sequence[Work], sizes: Sequence[str]) -> str:
    columns = [system for system in dict.fromkeys(each.system for each in work) if system in sizes]
    cells = {(each.system, each.question): f"{each.blocks:.0f} ({each.read:.0f})" for each in work}
    questions = dict.fromkeys(each.question for each in work if each.system in sizes)
    rows = [
        f"| request | {' | '.join(columns)} |",
        f"|---|{'--:|' * len(columns)}",
        *(
            f"| {each} | {' | '.join(cells[size, each] for size in columns)} |"
            for each in questions
        ),
    ]
    return "\n".join(rows)
