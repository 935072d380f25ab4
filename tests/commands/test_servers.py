"""Tests of `dev` and `serve`, from the first start to the last Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess

import psutil
import pytest

from app.database.driver.url import DatabaseUrl
from app.database.embedded.postmaster import find_process
from app.tasks.wall import WALL
from tests.support.clients import get, sync_client
from tests.support.http1 import request
from tests.support.key_server import key_server
from tests.support.keys import sign_with_key
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET, claims_for, token_for

LOCAL = "http://localhost:5173"


def pasted(banner: str) -> str:
    """Run the `curl` command of a banner in a shell; return its output."""
    (command,) = re.findall(r"(?ms)^curl .*?[^\\]$", banner)
    return subprocess.check_output(["/bin/sh", "-c", command], text=True)


def allowed_origin(taskward: Taskward) -> str | None:
    """Return whether pages of this machine can call the server: their origin, or None."""
    response = get(taskward, "/health/live", headers={"Origin": LOCAL})
    value: str | None = response.headers.get("Access-Control-Allow-Origin")
    return value


def test_the_banner_of_dev_works_and_tasks_survive_a_restart(
    taskward: Taskward,
) -> None:
    first = taskward.stop(taskward.serve("dev"))
    assert f"{taskward.base_url}/docs" in first.out
    assert "such as http://localhost:5173, can call it" in first.out
    second = taskward.serve("dev")
    created = json.loads(pasted(first.out))
    assert created["title"] == "Buy milk"
    assert allowed_origin(taskward) == LOCAL
    taskward.stop(second)

    third = taskward.serve("dev")
    token = taskward.run("token", "ada").out.strip()
    listed = get(taskward, "/api/tasks", headers={"Authorization": f"Bearer {token}"}).json()
    assert listed["items"] == [created]
    taskward.stop(third)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_its_postgresql(development: Taskward, number: int) -> None:
    server = development.serve("dev")
    children = psutil.Process(server.pid).children(recursive=True)
    assert find_process((development.data_dir / "postgresql").resolve()) in children
    finished = development.stop(server, number)
    assert finished.status == 0
    assert "Traceback" not in finished.err
    assert psutil.wait_procs(children, timeout=5)[1] == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_starting_leaves_nothing_running(
    development: Taskward, number: int, status: int
) -> None:
    server = development.serve("dev")
    development.stop(server)
    starting = development.start("dev")
    me = psutil.Process(starting.pid)
    while not (children := me.children(recursive=True)):
        assert starting.poll() is None
    finished = development.stop(starting, number)
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


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_a_server_finds_the_keys_of_its_issuer(
    taskward: Taskward, database_url: DatabaseUrl, user: str, command: str
) -> None:
    with key_server() as published:
        issuer = f"{published.url.removesuffix('/jwks')}/realms/team/"
        published.serve_discovery(issuer)
        settings = {"JWT_ISSUER": issuer, "JWT_REQUIRED_CLAIMS": "azp=web|app", "RATE_LIMIT": "off"}
        server = taskward.serve(command, **settings, DATABASE_URL=database_url.text)
        claims = claims_for(user, iss=issuer, azp="app")
        issued = sign_with_key(claims, "ES384")
        with_secret = {"serve": 401, "dev": 200}[command]  # only dev has generated one
        made = taskward.run("token", user, **settings).out.strip()
        for token, status in ((issued, 200), (made or "none", with_secret)):
            response = get(taskward, "/api/me", headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == status
        taskward.stop(server)


def test_serve_refuses_a_schema_that_it_may_not_migrate(
    taskward: Taskward, empty_database: DatabaseUrl
) -> None:
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": empty_database.text}
    finished = taskward.run("serve", **settings, MIGRATE_ON_START="false")
    assert finished.status == 1
    assert "Run python -m app migrate" in finished.err
    assert taskward.run("migrate", **settings).out == f"The schema is at revision {WALL.head}.\n"
    server = taskward.serve("serve", **settings, MIGRATE_ON_START="false")
    assert allowed_origin(taskward) is None
    taskward.stop(server)


def test_requests_are_logged_as_json_without_the_token(
    taskward: Taskward, database_url: DatabaseUrl
) -> None:
    server = taskward.serve("serve", BETTER_AUTH_SECRET=SECRET, DATABASE_URL=database_url.text)
    token = token_for("ada")
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "find-me"}
    with sync_client(taskward, headers=headers) as client:
        client.post("/api/tasks", json={"title": "hush"})
    finished = taskward.stop(server)
    lines = [json.loads(line) for line in finished.err.splitlines()]
    (line,) = (line for line in lines if line.get("request_id") == "find-me")
    assert (line["method"], line["route"], line["status"]) == ("POST", "/api/tasks", 201)
    assert line["user"] == "ada"
    assert token not in finished.err
    assert "hush" not in finished.err


def test_a_running_request_gets_its_response_after_sigterm(
    taskward: Taskward, database_url: DatabaseUrl
) -> None:
    server = taskward.serve("serve", BETTER_AUTH_SECRET=SECRET, DATABASE_URL=database_url.text)
    body = b'{"title": "slow"}'
    with socket.create_connection(("127.0.0.1", taskward.port)) as connection:
        connection.sendall(request("POST /api/tasks", user="ada", body=body).removesuffix(body))
        get(taskward, "/health/live")
        server.send_signal(signal.SIGTERM)
        connection.sendall(body)
        assert connection.recv(64).startswith(b"HTTP/1.1 201")
    server.communicate(timeout=30)
