"""The measurement: starts a server for each size, and measures all in interleaved rounds."""

import json
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import NamedTuple

from app.database import embedded
from bench.connection import Connection, request
from bench.databases import Databases
from bench.errors import BenchError
from bench.rounds import Results, Turn, run
from bench.rows import TASKS_OF_A_USER, user_name
from bench.scale.population import HEAVY_USER, fill, has_heavy_user, task_count
from bench.scale.questions import OF_ORDINARY_USERS, OF_THE_HEAVY_USER, Question, Request
from bench.scale.warming import read_files, scan
from bench.scale.work import Work, count_blocks
from bench.servers import Server, serve
from bench.systems import TASKWARD
from tests.support.tokens import token_for

HEAVY = "heavy user, "
REQUESTS = 200
"""The maximum of requests in a sample; each is for a user drawn at random."""

# The server rejects it after verifying the token, without using the database.
_REFUSED = "/api/tasks?limit=0"


class Subject(NamedTuple):
    """Users of a database, and the questions for them."""

    name: str
    users: Sequence[int]
    questions: Mapping[str, Question]


class Result(NamedTuple):
    """The results of a measurement, and the conditions under which they were measured.

    `times` are in milliseconds, by question and subject.
    """

    times: Results[float]
    work: dict[tuple[str, str], Work]
    megabytes: list[float]
    shared_buffers: str
    postgresql: str


def measure(
    sizes: Sequence[int], rounds: tuple[int, int], folder: Path, shared_buffers: str | None
) -> Result:
    """Measure all sizes in `rounds`: their number, and the most seconds of each sample.

    With `shared_buffers`, PostgreSQL has buffers of that size, and they are filled before.
    """
    with ExitStack() as stack:
        if shared_buffers:
            with embedded.start(folder / "postgresql") as cluster:  # applies from the next start
                setting = f"shared_buffers = '{shared_buffers}'"
                Databases(cluster.url).value(f"ALTER SYSTEM SET {setting}")
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(cluster.url)
        for size in sizes:
            print(f"filling a database with {size:,} tasks", flush=True)
            databases.make_empty(str(size))
            databases.on(str(size), partial(fill, size=size))
        read_files(folder / "postgresql" / "postgresql")
        turns: list[Turn[float]] = []
        work: dict[tuple[str, str], Work] = {}
        for size in sizes:
            if shared_buffers:
                databases.on(str(size), scan)
            system, url = TASKWARD._replace(name=str(size)), databases.url(str(size))
            server = stack.enter_context(serve(system, url, folder))
            turns += [
                Turn(question, subject.name, partial(_ask, subject, server, question))
                for subject in _subjects(size)
                for question in subject.questions
            ]
        times = run(turns, *rounds)
        for size in sizes:
            url = databases.url(str(size))
            for subject in _subjects(size):
                found = count_blocks(url, subject.users, subject.questions)
                work |= {(question, subject.name): each for question, each in found.items()}
        megabytes = [databases.megabytes(str(size)) for size in sizes]
        buffers, version = map(databases.value, ("SHOW shared_buffers", "SHOW server_version"))
        return Result(times, work, megabytes, buffers, version)


def _subjects(size: int) -> list[Subject]:
    """Return the ordinary users of a size, and the heavy one."""
    subjects = [Subject(f"{size:,}", range(size // TASKS_OF_A_USER), OF_ORDINARY_USERS)]
    if has_heavy_user(size):
        subjects.append(Subject(f"{HEAVY}{size:,}", [HEAVY_USER], OF_THE_HEAVY_USER))
    return subjects


def _ask(subject: Subject, server: Server, question: str, round_: int, seconds: int) -> float:
    """Send requests for some seconds, one after the other. Return the median in milliseconds."""
    chosen = random.Random(f"{round_} {question}")  # noqa: S311 - the same sequence at every run
    users = chosen.choices(subject.users, k=REQUESTS)
    tokens = {user: token_for(user_name(user)) for user in set(users)}
    ask = subject.questions[question]
    asked = [(user, ask(user, chosen.randrange(task_count(user)))) for user in users]
    requests = [_encode(each, tokens[user]) for user, each in asked]
    last = asked[-1][1]
    status = HTTPStatus.NOT_MODIFIED if last.etag else HTTPStatus.OK
    with Connection(server.base_url) as connection:
        for token in tokens.values():  # verify it before: that takes as long at every size
            connection.ask(request(token, _REFUSED), HTTPStatus.UNPROCESSABLE_ENTITY)
        _check_entries(last, connection.ask(requests.pop(), status).body)
        took = 1000 * _time(connection, requests, status, seconds)
    print(f"{question:28}{subject.name:24}{took:8.3f} ms", flush=True)
    return took


def _encode(asked: Request, token: str) -> bytes:
    headers = {"If-None-Match": asked.etag} if asked.etag else {}
    return request(token, asked.path, headers=headers)


def _check_entries(asked: Request, body: bytes) -> None:
    if asked.entries is None or asked.etag:
        return
    entries = next(value for value in json.loads(body).values() if isinstance(value, list))
    if len(entries) != asked.entries:
        raise BenchError(f"{len(entries)} instead of {asked.entries} entries: {asked.path}")


def _time(connection: Connection, requests: Sequence[bytes], status: int, seconds: int) -> float:
    """Return the median of the times of all requests for which the seconds are enough."""
    taken: list[float] = []
    deadline = time.perf_counter() + seconds
    for each in requests:
        began = time.perf_counter()
        if began > deadline:
            break
        connection.ask(each, status)
        taken.append(time.perf_counter() - began)
    return median(taken)
