"""Checks that the compared systems behave alike: the same responses and the same rejections."""

from datetime import timedelta
from typing import Any

import httpx

from bench import rows
from bench.errors import BenchError
from bench.operations import COMPLETE, CREATE, GET, LIST, Operation, path_of
from bench.servers import Server
from tests.support.tokens import OTHER_SECRET, claims_for, sign, token_for

FIELDS = {*rows.FIELDS}
_USER = rows.user_name(0)
_TASK = rows.task_id(0, 1)


def check(server: Server) -> None:
    """Send every kind of request once. Raises `BenchError` for an unexpected response."""
    with _client(server, token_for(_USER)) as client:
        for check_one in (_reads, _pages, _writes, _refuses):
            check_one(client)
    expired = token_for(_USER, exp=timedelta(seconds=-60))
    for token in (None, expired, sign(claims_for(_USER), OTHER_SECRET)):
        with _client(server, token) as client:
            for operation in (LIST, GET, CREATE, COMPLETE):
                _ask(client, operation, status=httpx.codes.UNAUTHORIZED)


def _reads(client: httpx.Client) -> None:
    task = _ask(client, GET)
    _expect(client, set(task) == FIELDS, f"get has the fields {sorted(task)}")
    values = (task["id"], task["user_id"], task["revision"], task["completed"])
    _expect(client, values == (str(_TASK), _USER, 2, False), f"get answers {task}")


def _pages(client: httpx.Client) -> None:
    first = _ask(client, LIST)
    second = _ask(client, LIST._replace(path=f"{LIST.path}&cursor={first['next_cursor']}"))
    found = [task["id"] for page in (first, second) for task in page["items"]]
    wanted = [str(rows.task_id(0, task)) for task in reversed(range(rows.TASKS_OF_A_USER))]
    _expect(client, found == wanted, "two pages do not have all tasks, newest first")
    _expect(client, second["next_cursor"] is None, "the last page leads on")
    _expect(client, set(first["items"][0]) == FIELDS, "list has other fields")


def _writes(client: httpx.Client) -> None:
    created = _ask(client, CREATE)
    _expect(client, set(created) == FIELDS, f"create has the fields {sorted(created)}")
    for completed in (True, False):
        task = _ask(client, COMPLETE._replace(body={"completed": completed}), id_=created["id"])
        stored = _ask(client, GET, id_=created["id"])
        as_told = task["completed"] is completed is (task["completed_at"] is not None)
        _expect(client, as_told and task == stored, f"complete answers {task}")


def _refuses(client: httpx.Client) -> None:
    for operation in (GET, COMPLETE):
        _ask(client, operation, id_=rows.task_id(1, 1), status=httpx.codes.NOT_FOUND)
    for title in ("", "x" * 201, None):
        status = _send(client, CREATE._replace(body={"title": title})).status_code
        _expect(client, status in {400, 422}, f"create answers {status} to the title {title!r}")


def _ask(
    client: httpx.Client, operation: Operation, *, id_: object = _TASK, status: int = 0
) -> dict[str, Any]:
    response = _send(client, operation, id_)
    wanted = status or operation.status
    complaint = f"{operation.name} answers {response.status_code} and not {wanted}: {response.text}"
    _expect(client, response.status_code == wanted, complaint)
    answer: dict[str, Any] = response.json()
    return answer


def _send(client: httpx.Client, operation: Operation, id_: object = _TASK) -> httpx.Response:
    return client.request(operation.method, path_of(operation, str(id_)), json=operation.body)


def _expect(client: httpx.Client, holds: bool, complaint: str) -> None:
    if not holds:
        raise BenchError(f"{client.headers['X-System']}: {complaint}")


def _client(server: Server, token: str | None) -> httpx.Client:
    headers = {"X-System": server.system.name}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.Client(base_url=server.base_url, headers=headers, timeout=10)
