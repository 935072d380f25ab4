"""The measurement: starts a server for each size, and measures all in interleaved rounds."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from app.database import embedded
from bench.databases import Databases
from bench.rounds import Plan, Turn, run
from bench.samples import Sample
from bench.scale.asking import Asker
from bench.scale.filling import fill
from bench.scale.population import HEAVY_USER, Size
from bench.scale.questions import OF_ORDINARY_USERS, OF_THE_HEAVY_USER, Question
from bench.scale.warming import read_files, scan
from bench.scale.work import Work, count_blocks
from bench.servers import serve
from bench.systems import TASKWARD

HEAVY = "heavy user, "


class Subject(NamedTuple):
    """Users of a database, and the questions for them."""

    name: str
    size: Size
    users: Sequence[int]
    questions: tuple[Question, ...]


class Result(NamedTuple):
    """The results of a measurement, and the conditions under which they were measured."""

    samples: list[Sample]
    work: list[Work]
    megabytes: dict[str, float]
    shared_buffers: str
    postgresql: str


def measure(
    sizes: Sequence[Size],
    plan: Plan,
    folder: Path,
    show: Callable[[str | Sample], None],
    *,
    shared_buffers: str | None = None,
) -> Result:
    """Measure all sizes; reuse databases that an earlier run has left in the folder.

    With `shared_buffers`, PostgreSQL has buffers of that size, and they are filled before.
    """
    with ExitStack() as stack:
        with embedded.start(folder / "postgresql") as cluster:  # applies from the next start
            Databases(cluster.url).set_shared_buffers(shared_buffers)
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(cluster.url)
        for size in sizes:
            show(f"{size.tasks:,} tasks")
            databases.make_once(size.name, partial(fill, size=size))
        show(f"{read_files(folder / 'postgresql' / 'postgresql'):,} MB are in the system's cache")
        for size in sizes if shared_buffers else ():
            databases.on(size.name, scan)
        turns: list[Turn] = []
        for size in sizes:
            system = TASKWARD._replace(name=size.name)
            server = stack.enter_context(serve(system, databases.url(size.name), folder))
            for subject in subjects([size]):
                asker = Asker(subject.name, server, subject.users)
                turns += [_turn(subject, asker, each) for each in subject.questions]
        samples = []
        for sample in run(turns, plan):
            show(sample)
            samples.append(sample)
        work = [
            each
            for subject in subjects(sizes)
            for each in count_blocks(
                subject.name, databases.url(subject.size.name), subject.users, subject.questions
            )
        ]
        megabytes = {f"{each.tasks:,}": databases.megabytes(each.name) for each in sizes}
        buffers = databases.setting("shared_buffers")
        return Result(samples, work, megabytes, buffers, databases.version())


def subjects(sizes: Sequence[Size]) -> list[Subject]:
    """Return the ordinary users of each size, and the heavy ones."""
    ordinary = [
        Subject(f"{size.tasks:,}", size, range(size.users), OF_ORDINARY_USERS) for size in sizes
    ]
    heavy = [
        Subject(f"{HEAVY}{size.tasks:,}", size, [HEAVY_USER], OF_THE_HEAVY_USER)
        for size in sizes
        if size.has_heavy_user
    ]
    return ordinary + heavy


def _turn(subject: Subject, asker: Asker, question: Question) -> Turn:
    return Turn(
        subject.name,
        question.name,
        lambda round_, seconds: asker.ask(question, round_, seconds),
    )
