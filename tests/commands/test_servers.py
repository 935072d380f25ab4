"""Tests of `dev` and `serve`, from the first start to the last Ctrl-C."""

import json
import os
import signal
import socket
from collections.abc import Callable

import httpx
import psutil
import pytest

from app.database.embedded.postmaster import find_process
from app.tasks.wall import WALL
from tests.commands.conftest import SECRET, Taskward
from tests.tokens import claims_for, sign


def test_the_banner_of_dev_works_when_pasted_and_tasks_outlive_a_restart(
    taskward: Taskward, pasted: Callable[[str], str]
) -> None:
    first = taskward.stop(taskward.serve("dev"))
    assert f"{taskward.base_url}/docs" in first.out
    second = taskward.serve("dev")
    created = json.loads(pasted(first.out))
    assert created["title"] == "Buy milk"
    taskward.stop(second)

    third = taskward.serve("dev")
    token = taskward.run("token", "ada").out.strip()
    headers = {"Authorization": f"Bearer {token}"}
    listed = httpx.get(f"{taskward.base_url}/api/tasks", headers=headers).json()
    assert listed["items"] == [created]
    taskward.stop(third)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_its_postgresql(taskward: Taskward, number: int) -> None:
    server = taskward.serve("dev")
    children = psutil.Process(server.pid).children(recursive=True)
    assert find_process((taskward.data_dir / "postgresql").resolve()) in children
    finished = taskward.stop(server, number)
    assert finished.status == 0
    assert "Traceback" not in finished.err
    assert psutil.wait_procs(children, timeout=5)[1] == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_starting_leaves_nothing_running(
    taskward: Taskward, number: int, status: int
) -> None:
    server = taskward.serve("dev")
    taskward.stop(server)
    starting = taskward.start("dev")
    me = psutil.Process(starting.pid)
    while not (children := me.children(recursive=True)):
        assert starting.poll() is None
    finished = taskward.stop(starting, number)
    assert finished.status in (status, 0)
    assert "Traceback" not in finished.err
    assert psutil.wait_procs(children, timeout=5)[1] == []


# Hypercorn does not close the socket that it could not bind.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_address_that_is_taken_is_named(taskward: Taskward) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bind = f"127.0.0.1:{listener.getsockname()[1]}"
        finished = taskward.run("dev", BIND=bind)
    assert finished.status == 1
    assert f"cannot listen on {bind}: Address already in use" in finished.err
    assert "Traceback" not in finished.err


# Hypercorn does not close the socket that it rejected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_inherited_socket_of_another_kind_is_named(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        bind = f"fd://{os.dup(udp.fileno())}"
        finished = taskward.run("serve", **settings_of_two, BIND=bind)
    assert finished.status == 1
    assert f"cannot listen on {bind}: not a TCP socket" in finished.err
    assert "Traceback" not in finished.err


def test_serve_refuses_to_start_without_a_key(taskward: Taskward) -> None:
    finished = taskward.run("serve")
    assert finished.status == 1
    assert "Set JWKS_URL" in finished.err
    assert "or BETTER_AUTH_SECRET" in finished.err
    assert not taskward.data_dir.exists()


def test_serve_refuses_a_schema_that_it_may_not_migrate(taskward: Taskward) -> None:
    finished = taskward.run("serve", BETTER_AUTH_SECRET=SECRET, MIGRATE_ON_START="false")
    assert finished.status == 1
    assert "Run python -m app migrate" in finished.err
    assert taskward.run("migrate").out == f"The schema is at revision {WALL.head}.\n"
    server = taskward.serve("serve", BETTER_AUTH_SECRET=SECRET, MIGRATE_ON_START="false")
    taskward.stop(server)


def test_requests_are_logged_as_json_without_the_token(taskward: Taskward) -> None:
    server = taskward.serve("serve", BETTER_AUTH_SECRET=SECRET)
    token = sign(claims_for("ada"), SECRET)
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "find-me"}
    httpx.post(f"{taskward.base_url}/api/tasks", json={"title": "hush"}, headers=headers)
    finished = taskward.stop(server)
    lines = [json.loads(line) for line in finished.err.splitlines()]
    (line,) = (line for line in lines if line.get("request_id") == "find-me")
    assert (line["method"], line["route"], line["status"]) == ("POST", "/api/tasks", 201)
    assert line["user"] == "ada"
    assert token not in finished.err
    assert "hush" not in finished.err


def test_a_request_that_runs_when_the_server_is_told_to_stop_is_answered(
    taskward: Taskward,
) -> None:
    server = taskward.serve("serve", BETTER_AUTH_SECRET=SECRET)
    body = b'{"title": "slow"}'
    token = sign(claims_for("ada"), SECRET)
    host, _, port = taskward.bind.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (token.encode(), len(body))
        )
        httpx.get(f"{taskward.base_url}/health/live")
        server.send_signal(signal.SIGTERM)
        connection.sendall(body)
        assert connection.recv(64).startswith(b"HTTP/1.1 201")
    server.communicate(timeout=30)
