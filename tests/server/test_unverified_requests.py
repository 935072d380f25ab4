"""Story: a flood of requests without a token does not delay my requests."""

import asyncio
from typing import Any, cast

import pytest
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from app.auth.request_state import STATE, RequestState
from app.auth.tokens import TokenVerifier
from app.server.middleware.unverified_requests import AT_ONCE, UnverifiedRequestsMiddleware
from tests.support import tokens


class Door:
    """Run the middleware in front of an app whose responses wait until they are released."""

    def __init__(self) -> None:
        self.verifier = TokenVerifier([tokens.SECRET])
        self.middleware = UnverifiedRequestsMiddleware(self.app, self.verifier)
        self.inside: list[str] = []
        self.open = asyncio.Event()

    async def app(self, scope: Scope, _: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        state: RequestState = cast("HTTPScope", scope)["state"][STATE]
        self.inside.append(state.client_address)
        await self.open.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, address: str, authorization: str = "") -> None:
        fields = {b"authorization": authorization.encode()} if authorization else {}
        state = RequestState("id", fields, client_address=address)
        scope: Any = {"type": "http", "state": {STATE: state}}

        async def nowhere(*_: object) -> Any:  # noqa: ANN401 - an event of ASGI
            return None

        await self.middleware(scope, nowhere, nowhere)


async def test_few_unverified_requests_of_an_address_run_at_once() -> None:
    door = Door()
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(door.ask("192.0.2.1"))
        group.create_task(door.ask("192.0.2.2"))
        await asyncio.sleep(0.05)
        assert sorted(door.inside) == ["192.0.2.1"] * AT_ONCE + ["192.0.2.2"]
        door.open.set()
    assert door.inside.count("192.0.2.1") == 10


async def test_a_verified_token_waits_for_no_stranger() -> None:
    door = Door()
    token = tokens.token_for("ada")
    await door.verifier.verify(token)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(door.ask("192.0.2.1"))
        for scheme in ("Bearer", "bearer"):
            group.create_task(door.ask("192.0.2.1", f"{scheme} {token}"))
        group.create_task(door.ask("192.0.2.1", f"Bearer {token}x"))
        await asyncio.sleep(0.05)
        assert len(door.inside) == AT_ONCE + 2
        door.open.set()


async def test_a_request_that_fails_gives_its_turn_on() -> None:
    door = Door()
    tasks = [asyncio.create_task(door.ask("192.0.2.1")) for _ in range(AT_ONCE + 1)]
    await asyncio.sleep(0.05)
    for each in tasks[:AT_ONCE]:
        each.cancel()
    await asyncio.sleep(0.05)
    assert len(door.inside) == AT_ONCE + 1
    door.open.set()
    await tasks[-1]


async def test_a_request_that_waited_for_long_runs_without_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.server.middleware.unverified_requests.WAIT_SECONDS", 0.05)
    door = Door()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE + 1):
            group.create_task(door.ask("192.0.2.1"))
        await asyncio.sleep(0.2)
        assert len(door.inside) == AT_ONCE + 1
        door.open.set()
