"""Clients that connect and send nothing, or do not read, delay no others and cost little memory."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import httpx
import psutil
import pytest

from app.database.driver.url import DatabaseUrl
from tests.commands.conftest import QUIET, SECRET, Taskward
from tests.tokens import claims_for, sign

DESCRIPTORS = 256
SILENT = 300
UNREAD = 100
GROWTH_BYTES = 250_000_000
"""The limit in `docs/explanation/reliability.md`."""
WITHOUT_COPIES = 60_000_000
"""Less than half of the size of one copy of the script for each client."""
ELSEWHERE = "127.0.0.2"
LONGEST = "\N{WINKING FACE}" * 10_000
SCRIPT = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: taskward\r\n\r\n"


@pytest.fixture
def url(database_url: DatabaseUrl) -> str:
    return database_url.for_sqlalchemy.set(drivername="postgresql").render_as_string(False)


def headers(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign(claims_for(user), SECRET)}"}


@contextmanager
def unread(taskward: Taskward, count: int, request: str) -> Iterator[None]:
    """Open `count` connections, send a request on each, and read no response."""
    host, _, port = taskward.bind.partition(":")
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((host, int(port)))
            connection.sendall(request.encode())
        yield


def visit(taskward: Taskward, times: int) -> list[int]:
    """Send requests from another address, each on a new connection; return their statuses."""
    token = headers(f"honest {uuid4()}")
    statuses = []
    for _ in range(times):
        transport = httpx.HTTPTransport(local_address=ELSEWHERE)
        with httpx.Client(base_url=taskward.base_url, transport=transport, timeout=30) as client:
            statuses.append(client.get("/api/tasks", headers=token).status_code)
    return statuses


def growth(pid: int, during: Callable[[], None]) -> int:
    """Return by how many bytes the memory of a process grows at most."""
    process = psutil.Process(pid)
    before, most = process.memory_info().rss, 0
    during()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        most = max(most, process.memory_info().rss)
        time.sleep(0.05)
    return most - before


def test_more_idle_connections_than_descriptors_disturb_no_other_address(
    taskward: Taskward, url: str
) -> None:
    taskward.before = ("/bin/sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh")
    process = taskward.serve("serve", **QUIET, DATABASE_URL=url)
    assert visit(taskward, 3) == [200] * 3
    with unread(taskward, SILENT, ""):
        assert visit(taskward, 20) == [200] * 20
        assert psutil.Process(process.pid).num_fds() < DESCRIPTORS
    finished = taskward.stop(process)
    assert finished.status == 0
    assert finished.err.count("connection limit reached") == 1


def test_unread_responses_take_little_memory(
    taskward: Taskward, url: str, record_property: Callable[[str, object], None]
) -> None:
    process = taskward.serve("serve", **QUIET, DATABASE_URL=url)
    user = headers(f"unread {uuid4()}")
    with httpx.Client(base_url=taskward.base_url, headers=user, timeout=30) as client:
        for _ in range(0, 200, 5):
            operations = [{"op": "create", "task": {"title": "x", "description": LONGEST}}] * 5
            client.post("/api/tasks/batch", json={"operations": operations}).raise_for_status()
        assert client.get("/api/tasks?limit=200").json()["next_cursor"] is not None
    lists = (
        f"GET /api/tasks?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: {user['Authorization']}"
    )
    with ExitStack() as stack:
        grown = growth(
            process.pid, lambda: stack.enter_context(unread(taskward, UNREAD, f"{lists}\r\n\r\n"))
        )
        assert visit(taskward, 5) == [200] * 5
    assert grown < GROWTH_BYTES
    with ExitStack() as stack:
        scripts = growth(process.pid, lambda: stack.enter_context(unread(taskward, UNREAD, SCRIPT)))
        assert visit(taskward, 5) == [200] * 5
    assert scripts < WITHOUT_COPIES
    record_property("reported", f"Unread: lists {grown / 1e6:.0f}, scripts {scripts / 1e6:.0f} MB")
    assert taskward.stop(process).status == 0
