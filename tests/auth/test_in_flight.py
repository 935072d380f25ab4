"""Story: another device of mine hangs or sends too many requests, and only my requests wait."""

import asyncio
import weakref
from contextlib import ExitStack

import httpx
import pytest
import structlog

from app.auth.errors import TooManyInFlightError
from app.auth.in_flight import MAX_REQUESTS, MAX_UNREAD_BYTES, InFlight
from tests.support.http1 import request, unread
from tests.support.live_server import LiveServer

LONGEST = "\N{WINKING FACE}" * 10_000
FIT = 24
"""The number of the longest tasks that fit on a page."""


async def becomes(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """Send requests until the response has a status; return that response."""
    async with asyncio.timeout(20):
        while True:
            response = await client.get("/api/me")
            if response.status_code == status:
                return response
            await asyncio.sleep(0.1)


async def test_a_user_has_a_limited_number_of_requests_in_flight(
    server: LiveServer, client: httpx.AsyncClient, stranger: httpx.AsyncClient, user: str
) -> None:
    await client.get("/api/me")
    headers = "Content-Type: application/json", "Content-Length: 100"
    begun = request("POST /api/tasks", *headers, user=user)
    with ExitStack() as stack:
        for _ in range(MAX_REQUESTS):
            stack.enter_context(unread(server, begun))
        refused = await becomes(client, 429)
        assert refused.json()["code"] == "too_many_in_flight"
        assert refused.headers["Retry-After"] == "1"
        assert "RateLimit" in refused.headers
        assert (await client.get("/api/tasks")).status_code == 429
        assert (await stranger.get("/api/me")).status_code == 200
    await becomes(client, 200)


async def test_a_user_has_a_limited_number_of_unread_bytes(
    server: LiveServer, client: httpx.AsyncClient, stranger: httpx.AsyncClient, user: str
) -> None:
    for _ in range(0, FIT, 4):
        operations = [{"op": "create", "task": {"title": "x", "description": LONGEST}}] * 4
        await client.post("/api/tasks/batch", json={"operations": operations})
    body = b'{"title": "x"}'
    headers = "Content-Type: application/json", f"Content-Length: {len(body)}"
    with ExitStack() as stack:
        late = stack.enter_context(unread(server, request("POST /api/tasks", *headers, user=user)))
        lists = [
            stack.enter_context(unread(server, request("GET /api/tasks?limit=200", user=user)))
            for _ in range(MAX_UNREAD_BYTES // 900_000)
        ]
        assert (await becomes(client, 429)).json()["code"] == "too_many_in_flight"
        # This one was authenticated before the others, and its body comes after them.
        late.sendall(body)
        assert late.recv(65536).startswith(b"HTTP/1.1 429 ")
        assert (await stranger.get("/api/me")).status_code == 200
        for each in lists[:9]:
            each.close()
        await becomes(client, 200)


def limit_reached(scope: str, limit: int, *, user: str) -> dict[str, object]:
    event = "in-flight limit reached"
    return {"event": event, "scope": scope, "limit": limit, "log_level": "warning", "user": user}


def test_a_user_without_a_request_is_forgotten() -> None:
    in_flight = InFlight()
    flight = in_flight.enter("ada")
    assert in_flight.enter("ada") is flight
    assert flight.requests == 2
    remembered = weakref.ref(flight)
    del flight
    assert remembered() is None


async def test_a_request_that_has_waited_is_checked_again() -> None:
    in_flight = InFlight()
    in_flight.check("ada")
    flight = in_flight.enter("ada")
    with structlog.testing.capture_logs() as lines, flight.sending(MAX_UNREAD_BYTES):
        in_flight.check("ada")
        with flight.sending(1):
            with pytest.raises(TooManyInFlightError):
                in_flight.check("ada")
            with pytest.raises(TooManyInFlightError):
                in_flight.enter("ada")
            in_flight.check("grace")
    in_flight.check("ada")
    flight.requests -= 1
    assert lines == [limit_reached("unread bytes", MAX_UNREAD_BYTES, user="ada")]


async def test_requests_that_were_rejected_are_not_in_flight() -> None:
    in_flight = InFlight()
    flights = [in_flight.enter("ada") for _ in range(MAX_REQUESTS)]
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(TooManyInFlightError):
                in_flight.enter("ada")
    assert lines == [limit_reached("requests", MAX_REQUESTS, user="ada")]
    flights.pop().requests -= 1
    in_flight.enter("ada")
