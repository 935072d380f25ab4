"""Story: the server crashes after storing my task and before its response; I send it again."""

import signal
from collections.abc import Iterator

import httpx
import pytest

from app.database.driver.url import DatabaseUrl
from tests.support.addresses import address_of, moved
from tests.support.clients import sync_client
from tests.support.relay import Relay, relay
from tests.support.taskward import QUIET, Taskward

TASK = {"title": "Buy milk"}
OWN = {**TASK, "id": "0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"}
COMMIT = b"COMMIT\0"


@pytest.fixture
def line(database_url: DatabaseUrl) -> Iterator[Relay]:
    """The relay between the server and its database."""
    host, port = address_of(database_url)
    with relay(port, host) as running:
        yield running


def through(line: Relay, database_url: DatabaseUrl) -> dict[str, str]:
    """Return the environment of a server that connects through the relay."""
    url = moved(database_url, "127.0.0.1", line.port)
    # A Citus offers TLS, in which the relay cannot distinguish messages.
    text = url.update_query_dict({"sslmode": "disable"}).render_as_string(hide_password=False)
    return QUIET | {"DATABASE_URL": text}


@pytest.mark.parametrize(
    ("key", "task", "tasks"), [("a-key", TASK, 1), (None, OWN, 1), (None, TASK, 2)]
)
def test_a_retry_after_a_kill_with_a_key_or_id_creates_one(
    taskward: Taskward,
    line: Relay,
    database_url: DatabaseUrl,
    is_distributed: bool,
    user: str,
    key: str | None,
    task: dict[str, str],
    tasks: int,
) -> None:
    environment = through(line, database_url)
    headers = {"Idempotency-Key": key} if key else {}
    with sync_client(taskward, user) as client:
        server = taskward.serve("serve", **environment)
        # Without a key there is a single statement, which commits automatically on one PostgreSQL.
        title = TASK["title"].encode()
        line.lose_response(to=COMMIT if key or is_distributed else title, after=title)
        line.on_loss = server.kill
        with pytest.raises(httpx.TransportError):
            client.post("/api/tasks", json=task, headers=headers)
        assert line.lost.is_set()
        assert taskward.stop(server, signal.SIGKILL).status == -signal.SIGKILL

        server = taskward.serve("serve", **environment)
        again = client.post("/api/tasks", json=task, headers=headers)
        assert again.status_code == (200 if "id" in task else 201)
        assert again.headers.get("Idempotent-Replayed") == (key and "true")
        listed = client.get("/api/tasks").json()["items"]
        assert len(listed) == tasks
        assert again.json() in listed
        taskward.stop(server)
