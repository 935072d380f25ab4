"""Clients that record which changes were acknowledged."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tests.faults.ledger import ACKNOWLEDGED, LOST, Ledger, RecordedRequest, problem_code
from tests.support.clients import Served
from tests.support.connection import Connection
from tests.support.waiting import wait_until

TIMEOUT_SECONDS = 60
PAUSE_SECONDS = 0.005
PAUSE_AFTER_FAILURE_SECONDS = 0.1
"""Much less than `Retry-After` requests, to measure when the service recovers."""
KEYED = "keyed"


class Client:
    """A user with one connection, which stays open until one side closes it."""

    def __init__(
        self, server: Served, token: str, ledger: Ledger, address: str = "127.0.0.1"
    ) -> None:
        self._connection = Connection(server, address, TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ledger = ledger

    def create(self, title: str, key: str | None = None) -> str | None:
        """Create a task; return its id if the server acknowledged it."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.ask("POST", "/api/tasks", {"title": title}, headers, promises="{id}").promise

    def complete(self, id_: str) -> None:
        """Complete a task."""
        self.ask("PATCH", f"/api/tasks/{id_}/complete", promises="{id} completed")

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        promises: str = "",
    ) -> RecordedRequest:
        """Send a request and record the response; a 2xx `promises` what is stored of a task."""
        began = time.monotonic()
        try:
            response = self._connection.ask(method, path, self._headers | (headers or {}), body)
        except ConnectionError as error:
            recorded = RecordedRequest(began, time.monotonic(), LOST, str(error))
        else:
            status, ended = str(response.status), time.monotonic()
            promise = None
            if promises and status in ACKNOWLEDGED:
                promise = promises.format(id=response.body["id"])
            code = "" if status in ACKNOWLEDGED else problem_code(response.content)
            wait = dict(response.headers).get("retry-after")
            recorded = RecordedRequest(began, ended, status, code, wait, promise)
        self._ledger.requests.append(recorded)
        return recorded

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Load:
    """Clients that repeatedly create a task and complete it.

    Every second one sends an idempotency key, and repeats unacknowledged requests with the same
    key.
    """

    def __init__(self, server: Served, tokens: list[str], name: str = "task") -> None:
        self.ledger = Ledger()
        self._server = server
        self._tokens = tokens
        self._name = name
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Ledger]:
        """Run the clients until the context ends, and wait for their last requests."""
        numbered = enumerate(self._tokens)
        threads = [threading.Thread(target=self._run, args=each) for each in numbered]
        for each in threads:
            each.start()
        try:
            yield self.ledger
        finally:
            self._stopped.set()
            for each in threads:
                each.join()

    def wait_for(self, count: int) -> None:
        """Wait until `count` more changes are acknowledged."""
        enough = self.ledger.acknowledged + count
        wait_until(lambda: self.ledger.acknowledged >= enough)

    def wait_for_first(self, since: float) -> float:
        """Wait until a change is acknowledged after a moment; return the seconds since then."""
        wait_until(lambda: self.ledger.first_acknowledged(since) is not None)
        return (self.ledger.first_acknowledged(since) or 0) - since

    def _run(self, number: int, token: str) -> None:
        client = Client(self._server, token, self.ledger)
        count = 0
        while not self._stopped.wait(PAUSE_SECONDS):
            count += 1
            if number % 2:
                id_ = self._create_once(client, f"{KEYED} {self._name} {number}-{count}")
            else:
                id_ = client.create(f"{self._name} {number}-{count}")
            if id_ is None:
                time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
            else:
                client.complete(id_)
        client.close()

    def _create_once(self, client: Client, title: str) -> str | None:
        key = str(uuid4())
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (id_ := client.create(title, key)) is None and time.monotonic() < deadline:
            time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
        return id_
