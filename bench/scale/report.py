"""The tables: the latency of each question at each size, and the blocks that PostgreSQL reads."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.rounds import spread
from bench.scale.measurement import HEAVY, Result

TOLERANCE = 0.15


def tables(result: Result, sizes: Sequence[str]) -> str:
    """Return all tables in Markdown; `sizes` are the names of the ordinary users, in order."""
    times = result.times
    questions = [question for question, subject in times if subject == sizes[0]]
    rows = {question: [times[question, size] for size in sizes] for question in questions}
    parts = [_table("request", sizes, rows)]
    heavy = list(dict.fromkeys(subject for _, subject in times if subject.startswith(HEAVY)))
    if heavy:
        parts.append(
            "One user with 100,000 tasks more, compared with the first page of the same user:"
        )
    for prefix in ("list", "changes") if heavy else ():
        names = [name for name, subject in times if subject == heavy[0] and name.startswith(prefix)]
        rows = {each.removeprefix(HEAVY): [times[name, each] for name in names] for each in heavy}
        parts.append(_table("tasks of others", names, rows))
    parts.append(
        "Blocks of 8 kB that PostgreSQL looks at for the statement, the median of some users; in "
        "brackets those that were not in shared_buffers:"
    )
    lines = [f"| request | {' | '.join(sizes)} |", f"|---|{'--:|' * len(sizes)}"]
    for question in questions:
        work = [result.work[question, size] for size in sizes]
        cells = " | ".join(f"{each.blocks:.0f} ({each.read:.0f})" for each in work)
        lines.append(f"| {question} | {cells} |")
    return "\n\n".join([*parts, "\n".join(lines)])


def _table(head: str, columns: Sequence[str], rows: Mapping[str, Sequence[list[float]]]) -> str:
    lines = [f"| {head} | {' | '.join(columns)} | within {TOLERANCE:.0%} |"]
    lines.append(f"|---|{'--:|' * len(columns)}---|")
    lines += [f"| {name} | {' | '.join(_cells(*each))} |" for name, each in rows.items()]
    return "\n".join(lines)


def _cells(base: list[float], *others: list[float]) -> list[str]:
    """Return the times, their ratios to the first, and whether these are within the tolerance."""
    cells, worst = [f"{median(base):.2f} ms"], 1.0
    for times in others:
        ratios = [own / first for own, first in zip(times, base, strict=True)]
        worst = max(worst, median(ratios))
        middle, least, greatest = spread(ratios, 2)
        cells.append(f"{median(times):.2f} ms ({middle}: {least}–{greatest})")  # noqa: RUF001 - a range
    return [*cells, "yes" if worst <= 1 + TOLERANCE else "**no**"]
