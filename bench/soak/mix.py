"""The mix of requests: tasks that are created, changed and deleted, and rejected requests."""

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from bench import rows
from bench.connection import Answer, Connection, request
from bench.errors import BenchError
from bench.operations import COMPLETE, CREATE, GET, LIST, Operation, path_of
from tests.tokens import token_for

_CHANGES = "/api/tasks/changes?limit=50"
_TOO_LONG = {"title": "x" * 201}


class _Step(NamedTuple):
    """A request, and the expected status of its response."""

    status: int
    request: bytes


def live(connection: Connection, seed: int) -> Iterator[None]:
    """Create, change and delete tasks of random users without end; yield after each response.

    Raises `BenchError` for a response of an unexpected status.
    """
    chosen = random.Random(seed)  # noqa: S311 - the same sequence at every run
    while True:
        user = chosen.randrange(rows.USERS)
        token = token_for(rows.user_name(user))
        key = {"Idempotency-Key": f"{chosen.getrandbits(64):x}"}
        task = json.loads(_ask(connection, _write(token, CREATE, headers=key)).body)
        yield
        for step in _life(token, task, str(rows.task_id(user + 1, 0))):
            _ask(connection, step)
            yield


def _life(token: str, task: dict[str, Any], foreign: str) -> tuple[_Step, ...]:
    path = path_of(GET, task["id"])
    etag = {"If-None-Match": f'"{task["revision"]}"'}
    return (
        _Step(200, request(token, path)),
        _Step(304, request(token, path, headers=etag)),
        _Step(200, request(token, LIST.path)),
        _write(token, COMPLETE, id_=task["id"]),
        _Step(200, request(token, _CHANGES)),
        _Step(404, request(token, path_of(GET, foreign))),
        _Step(401, request(token[:-4], path)),
        _write(token, CREATE._replace(status=422, body=_TOO_LONG)),
        _Step(204, request(token, path, method="DELETE")),
    )


def _write(
    token: str, operation: Operation, *, id_: str = "", headers: dict[str, str] | None = None
) -> _Step:
    body = json.dumps(operation.body).encode()
    path = path_of(operation, id_)
    text = request(token, path, method=operation.method, body=body, headers=headers or {})
    return _Step(operation.status, text)


def _ask(connection: Connection, step: _Step) -> Answer:
    answer = connection.ask(step.request)
    if answer.status != step.status:
        raise BenchError(f"{answer.status} instead of {step.status}: {answer.body.decode()}")
    return answer
