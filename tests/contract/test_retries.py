"""`x-retry` in the contract is right about a blind retry after the connection breaks."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.openapi import read
from quart_contract.operations import operations
from tests.isolation.plans import PLANS
from tests.support.clients import sync_client
from tests.support.live_server import LiveServer
from tests.support.relay import Relay, relay

CONTRACT = read()
OPERATIONS = {each.id: each for each in operations(CONTRACT)}
NODES = {
    node["operationId"]: node
    for item in CONTRACT.tree["paths"].values()
    for node in item.values()
    if isinstance(node, dict)
}
SAFE, BY_ID, BY_KEY, BY_ETAG = (
    [name for name, node in NODES.items() if node["x-retry"] == kind and name in PLANS]
    for kind in ("safe", "id", "idempotency-key", "etag")
)
KEYED = [
    name
    for name, each in OPERATIONS.items()
    if "Idempotency-Key" in {header.name for header in each.headers}
]
WORDS = {
    "safe": "afe to repeat",
    "id": "the same `id`",
    "idempotency-key": "`Idempotency-Key`",
    "etag": "`If-Match`",
}
# A change that would be another one when it is applied again.
BODIES: dict[str, Any] = {
    "createTask": {"title": "new"},
    "batchTasks": {"operations": [{"op": "create", "task": {"title": "new"}}]},
}


class Device:
    """A client of one user whose requests can be lost on the way."""

    def __init__(self, server: LiveServer, line: Relay) -> None:
        self._line = line
        self.user = f"device-{uuid4()}"
        self.near = sync_client(server, self.user)
        self._far = sync_client(line, self.user)
        self.task = self.near.post("/api/tasks", json={"title": "mine"}).json()
        self.near.post("/api/tasks", json={"title": "another"})
        self.deleted = self.near.post("/api/tasks", json={"title": "deleted"}).json()
        self.near.delete(f"/api/tasks/{self.deleted['id']}")

    def request(self, name: str, headers: dict[str, str], **more: str) -> httpx.Request:
        """Return the request of an operation, from its plan."""
        plan = PLANS[name]
        id_ = (self.deleted if plan.finds_deleted else self.task)["id"]
        method, target, body, _ = plan.request(OPERATIONS[name], id_, self.user)
        body = BODIES.get(name, body)
        body = {**(body or {}), **more} if more else body
        return self._far.build_request(method, target, json=body, headers=headers)

    def lose(self, request: httpx.Request, lose: Callable[[], None]) -> None:
        """Send a request whose connection breaks."""
        lose()
        with pytest.raises(httpx.TransportError):
            self._far.send(request)
        assert self._line.lost.wait(timeout=5)

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        return self._far.send(request)

    def state(self) -> list[Any]:
        """Return everything that is stored."""
        paths = ("/api/tasks", "/api/me", "/api/tasks/changes")
        return [self.near.get(path).json() for path in paths]

    def close(self) -> None:
        """Close the connections."""
        self.near.close()
        self._far.close()


@pytest.fixture
def line(server: LiveServer) -> Iterator[Relay]:
    with relay(server.port) as running:
        yield running


@pytest.fixture
def device(server: LiveServer, line: Relay) -> Iterator[Device]:
    own = Device(server, line)
    yield own
    own.close()


def test_every_operation_documents_its_retries() -> None:
    assert set(NODES) == set(OPERATIONS)
    for name, node in NODES.items():
        assert WORDS[node["x-retry"]] in node["description"], name
    assert set(SAFE + BY_ID + BY_KEY + BY_ETAG) == set(PLANS)


@pytest.mark.parametrize("name", PLANS)
def test_a_lost_request_succeeds_when_it_is_sent_again(
    name: str, device: Device, line: Relay
) -> None:
    before = device.state()
    request = device.request(name, {})
    device.lose(request, line.lose_request)
    assert device.state() == before
    assert device.send(request).status_code == PLANS[name].status


@pytest.mark.parametrize("name", SAFE)
def test_what_is_safe_can_be_sent_again_and_again(name: str, device: Device, line: Relay) -> None:
    request = device.request(name, {})
    device.lose(request, line.lose_response)
    once = device.state()
    for _ in range(3):
        # The task is gone. For a deletion that is success, as the contract says.
        assert device.send(request).status_code in {PLANS[name].status, 404}
        assert device.state() == once


@pytest.mark.parametrize("name", BY_ID)
def test_a_retry_with_an_id_runs_once(name: str, device: Device, line: Relay) -> None:
    request = device.request(name, {}, id=str(uuid4()))
    device.lose(request, line.lose_response)
    once = device.state()
    for _ in range(3):
        assert (device.send(request).status_code, device.state()) == (200, once)


@pytest.mark.parametrize("name", BY_ID + BY_KEY)
def test_a_retry_runs_once_with_a_key_and_twice_without(
    name: str, device: Device, line: Relay
) -> None:
    request = device.request(name, {"Idempotency-Key": str(uuid4())})
    device.lose(request, line.lose_response)
    once = device.state()
    again = device.send(request)
    assert (again.status_code, device.state()) == (PLANS[name].status, once)
    assert again.headers["Idempotent-Replayed"] == "true"

    request = device.request(name, {})
    device.lose(request, line.lose_response)
    once = device.state()
    device.send(request)
    assert device.state() != once


@pytest.mark.parametrize("name", KEYED)
def test_a_retry_with_a_key_undoes_no_other_change(name: str, device: Device, line: Relay) -> None:
    request = device.request(name, {"Idempotency-Key": str(uuid4())})
    device.lose(request, line.lose_response)
    address = f"/api/tasks/{device.task['id']}"
    changed = device.near.patch(address, json={"title": "of my other device"})
    others = device.state()
    again = device.send(request)
    assert (again.status_code, device.state()) == (PLANS[name].status, others)
    assert again.headers["Idempotent-Replayed"] == "true"
    if name in BY_ETAG:
        assert again.json() == changed.json()


@pytest.mark.parametrize("name", BY_ETAG)
def test_a_retry_with_an_etag_overwrites_no_other_change(
    name: str, device: Device, line: Relay
) -> None:
    address = f"/api/tasks/{device.task['id']}"
    for headers, undone in ({"If-Match": f'"{device.task["revision"]}"'}, False), ({}, True):
        request = device.request(name, headers)
        device.lose(request, line.lose_response)
        device.near.patch(address, json={"title": "of my other device"})
        others = device.state()
        assert device.send(request).status_code == (200 if undone else 412)
        assert (device.state() != others) == undone
