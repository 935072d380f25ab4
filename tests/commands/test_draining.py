"""SIGTERM: load balancers can notice it, and no request on an open connection is lost."""

import signal
import socket
import time

import httpx
import psutil
import pytest

from tests.support.clients import get
from tests.support.http1 import LIVE
from tests.support.taskward import Taskward, reload_workers, workers_of
from tests.support.waiting import wait_until


def readiness(taskward: Taskward) -> tuple[int, str | None, str | None]:
    """Return the status of the readiness check, its detail, and its `Connection` header."""
    response = get(taskward, "/health/ready")
    return response.status_code, response.json().get("detail"), response.headers.get("Connection")


@pytest.mark.parametrize(("workers", "second"), [("1", signal.SIGTERM), ("2", signal.SIGINT)])
def test_a_drain_is_unready_and_serves_until_a_second_signal(
    taskward: Taskward, settings_of_two: dict[str, str], user: str, workers: str, second: int
) -> None:
    settings = settings_of_two | {"WORKERS": workers, "DRAIN_SECONDS": "60"}
    server = taskward.serve("serve", **settings)
    if workers == "2":
        began = time.monotonic()
        reload_workers(server.pid)
        assert readiness(taskward)[0] == 200
        assert time.monotonic() - began < 30
    processes = [server.pid, *(each.pid for each in workers_of(server))]
    server.terminate()
    unready = 503, "The server is about to stop.", None
    wait_until(lambda: readiness(taskward) == unready)
    # Every connection is a new one. The kernel gives it to any worker.
    assert {readiness(taskward) for _ in range(20)} == {unready}
    for target in ("/health/live", "/api/me"):
        assert get(taskward, target, user).status_code == 200
    assert all(psutil.pid_exists(each) for each in processes)
    assert taskward.stop(server, second) == (0, "", "")
    with pytest.raises(httpx.ConnectError):
        get(taskward, "/health/live")


def test_a_drain_works_on_an_inherited_socket(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    """As under `taskward.socket`: connections after the end wait for the next start."""
    with socket.create_server(("127.0.0.1", taskward.port)) as listening:
        descriptor = listening.fileno()
        taskward.pass_fds = (descriptor,)
        settings = settings_of_two | {"BIND": f"fd://{descriptor}", "DRAIN_SECONDS": "60"}
        first = taskward.serve("serve", **settings)
        first.terminate()
        wait_until(lambda: readiness(taskward)[0] == 503)
        assert taskward.stop(first, signal.SIGTERM).status == 0
        with socket.create_connection(("127.0.0.1", taskward.port), timeout=20) as waiting:
            waiting.sendall(LIVE)
            second = taskward.serve("serve", **settings)
            assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")
        taskward.stop(second)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_draining_server_serves_open_connections(
    taskward: Taskward, settings_of_two: dict[str, str], workers: str
) -> None:
    server = taskward.serve("serve", **settings_of_two | {"WORKERS": workers})
    address = ("127.0.0.1", taskward.port)
    with socket.create_connection(address) as used, socket.create_connection(address) as fresh:
        used.sendall(LIVE)
        assert b"connection: close" not in used.recv(65536).lower()
        server.terminate()
        time.sleep(0.5)
        for each in (used, fresh):
            each.sendall(LIVE)
            response = b""
            while received := each.recv(65536):
                response += received
            assert response.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nconnection: close\r\n" in response.lower()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
    assert server.communicate(timeout=20) == ("", "")
    assert server.returncode == 0


def test_only_sigterm_drains_and_waits_for_open_connections(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    seconds = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        server = taskward.serve("serve", **settings_of_two | {"DRAIN_SECONDS": "2"})
        with socket.create_connection(("127.0.0.1", taskward.port)):
            began = time.monotonic()
            assert taskward.stop(server, number).status == 0
            seconds[number] = time.monotonic() - began
    assert seconds[signal.SIGINT] + 2 < seconds[signal.SIGTERM] < 20
