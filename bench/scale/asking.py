"""Requests of one question for many users, one after the other over one connection."""

import json
import random
import time
from collections.abc import Sequence
from http import HTTPStatus
from statistics import median, quantiles

from bench.connection import Answer, Connection, request
from bench.errors import BenchError
from bench.rows import user_name
from bench.samples import Sample
from bench.scale.population import task_count
from bench.scale.questions import Question
from bench.servers import Server
from tests.tokens import token_for

REQUESTS = 200
"""The maximum of requests in a sample; each is for a user drawn at random."""

# The server rejects it after verifying the token, without using the database.
_REFUSED = "/api/tasks?limit=0"


class Asker:
    """Sends requests to a server whose database has these users, given by their numbers."""

    def __init__(self, system: str, server: Server, users: Sequence[int]) -> None:
        self._system = system
        self._server = server
        self._users = users

    def ask(self, question: Question, round_: int, seconds: int) -> Sample:
        """Send requests for some seconds; return the sample.

        Raises `BenchError` for an unexpected response.
        """
        chosen = random.Random(f"{round_} {question.name}")  # noqa: S311 - the same sequence at every run
        users = chosen.choices(self._users, k=REQUESTS)
        tokens = {user: token_for(user_name(user)) for user in set(users)}
        requests = [
            _request(question, tokens[user], user, chosen.randrange(task_count(user)))
            for user in users
        ]
        with Connection(self._server.base_url) as connection:
            for token in tokens.values():  # verify it before: that takes as long at every size
                _check(connection.ask(request(token, _REFUSED)), HTTPStatus.UNPROCESSABLE_ENTITY)
            _check_answer(connection.ask(requests[-1]), question)
            taken = _time(connection, requests[:-1], question.status, seconds)
        return Sample(
            round_,
            self._system,
            question.name,
            requests_per_second=len(taken) / sum(taken),
            p50_ms=1000 * median(taken),
            p99_ms=1000 * quantiles(taken, n=100)[-1],
            peak_mb=self._server.peak_megabytes(),
        )


def _request(question: Question, token: str, user: int, task: int) -> bytes:
    headers = {"If-None-Match": question.etag(user, task)} if question.etag else {}
    return request(token, question.path(user, task), headers=headers)


def _time(
    connection: Connection, requests: Sequence[bytes], status: int, seconds: int
) -> list[float]:
    taken: list[float] = []
    deadline = time.perf_counter() + seconds
    for each in requests:
        began = time.perf_counter()
        if began > deadline:
            break
        _check(connection.ask(each), status)
        taken.append(time.perf_counter() - began)
    return taken


def _check(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise BenchError(f"{answer.status} instead of {status}: {answer.body.decode()}")


def _check_answer(answer: Answer, question: Question) -> None:
    _check(answer, question.status)
    if question.entries is None or question.etag:
        return
    entries = next(value for value in json.loads(answer.body).values() if isinstance(value, list))
    if len(entries) != question.entries:
        raise BenchError(f"{len(entries)} instead of {question.entries} entries: {question.name}")
