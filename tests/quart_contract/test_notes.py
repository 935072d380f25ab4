"""The example service of the engine, under Quart's test client and under a server."""

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from quart import Quart

from examples.notes.service import create_app, notes
from tests.test_architecture import ROOT

ADA = {"X-Key": "sesame"}
BOB = {"X-Key": "abracadabra"}


@pytest.fixture
def app() -> Quart:
    for each in notes.values():
        each.clear()
    return create_app()


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of the service under a stock Hypercorn, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        factory = "examples.notes.service:create_app()"
        command = [sys.executable, "-m", "hypercorn", "--bind", f"fd://{descriptor}", factory]
        with subprocess.Popen(command, cwd=ROOT, pass_fds=[descriptor]) as process:
            yield f"http://127.0.0.1:{port}"
            process.terminate()


@pytest.fixture
async def client(server: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server."""
    async with httpx.AsyncClient(base_url=server, headers=ADA, timeout=30) as client:
        yield client


async def test_a_note_is_written_and_read_over_a_test_client(app: Quart) -> None:
    client = app.test_client()
    written = await client.post("/notes", json={"text": "Buy milk"}, headers=ADA)
    assert written.status_code == 201
    note = await written.get_json()
    assert (note["text"], note["labels"]) == ("Buy milk", [])
    read = await client.get(written.headers["Location"], headers=ADA)
    assert await read.get_json() == note


async def test_a_note_is_written_and_read_over_a_server(client: httpx.AsyncClient) -> None:
    written = await client.post("/notes", json={"text": "Buy milk", "labels": ["a", "b"]})
    assert (await client.get(written.headers["location"])).json() == written.json()
    for query, count in (("", 1), ("?label=c&label=b", 1), ("?label=c", 0), ("?limit=1", 1)):
        assert len((await client.get(f"/notes{query}")).json()["items"]) == count, query


async def test_a_key_opens_the_notes_of_its_owner_only(app: Quart) -> None:
    client = app.test_client()
    written = await client.post("/notes", json={"text": "secret"}, headers=ADA)
    for headers, status, code in (({}, 401, "missing_key"), (BOB, 404, "note_not_found")):
        refused = await client.get(written.headers["Location"], headers=headers)
        problem = await refused.get_json()
        assert (refused.status_code, problem["code"]) == (status, code)
        assert refused.headers["Content-Type"] == "application/problem+json"
    assert problem["note"] == written.headers["Location"].rpartition("/")[2]


async def test_every_fault_is_named(app: Quart) -> None:
    body = {"text": "", "labels": ["x"] * 6, "color": "red"}
    refused = await app.test_client().post("/notes", json=body, headers=ADA)
    assert refused.status_code == 422
    violations = {each["pointer"] for each in (await refused.get_json())["errors"]}
    assert violations == {"/text", "/labels", "/color"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/notes/019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70", 404),
        ("GET", "/notes/1", 422),
        ("PUT", "/notes", 405),
        ("GET", "/nothing", 404),
        ("POST", "/notes", 422),
        ("GET", "/notes?limit=0", 422),
        ("GET", "/health", 204),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
    ],
)
async def test_the_engine_answers_as_the_contract_says(
    app: Quart, method: str, path: str, status: int
) -> None:
    send = getattr(app.test_client(), method.lower())
    response = await send(path, headers=ADA)
    assert response.status_code == status
