"""Requests that proxies and clients send, which are valid although they are unusual."""

import asyncio
import json

import httpx
import pytest

from tests.support.http1 import connect, request
from tests.support.live_server import LiveServer

JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
NO_BODIES: dict[str, tuple[tuple[str, ...], bytes]] = {
    "length": (("Content-Length: 0",), b""),
    "length and type": (("Content-Length: 0", JSON), b""),
    "length and form": (("Content-Length: 0", "Content-Type: text/plain"), b""),
    "type": ((JSON,), b""),
    "chunks": ((CHUNKED,), b"0\r\n\r\n"),
    "chunks and type": ((CHUNKED, JSON), b"0\r\n\r\n"),
    "chunks and form": ((CHUNKED, "Content-Type: text/plain"), b"0\r\n\r\n"),
    "chunks and trailers": ((CHUNKED, "Trailer: X-Sum", "TE: trailers"), b"0\r\nX-Sum: 1\r\n\r\n"),
    "chunks and 100": ((CHUNKED, "Expect: 100-continue"), b"0\r\n\r\n"),
}
MARK = b"\xef\xbb\xbf"


async def send(server: LiveServer, *pieces: bytes) -> tuple[int, dict[str, object]]:
    """Send a request. Return the status of its response, and its JSON body."""
    reader, writer = await connect(server)
    try:
        writer.write(b"".join(pieces))
        async with asyncio.timeout(20):
            received = await reader.read()
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):
        head, _, body = body.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else {}


@pytest.mark.parametrize("name", NO_BODIES)
async def test_an_empty_body_is_none(
    server: LiveServer, client: httpx.AsyncClient, user: str, name: str
) -> None:
    address = (await client.post("/api/tasks", json={"title": "x"})).headers["Location"]
    headers, body = NO_BODIES[name]

    async def ask(first: str) -> int:
        status, _ = await send(
            server, request(first, *headers, "Connection: close", user=user), body
        )
        return status

    for first in (f"GET {address}", f"PATCH {address}/complete", "GET /api/me", "GET /health/live"):
        assert (first, await ask(first)) == (first, 200)
    for first in (f"PATCH {address}", "POST /api/tasks", "POST /api/tasks/batch"):
        assert (first, await ask(first)) == (first, 422)
    assert await ask(f"DELETE {address}") == 204
    assert (await client.get("/api/tasks")).json()["items"] == []


async def test_a_missing_body_is_reported_as_missing(server: LiveServer, user: str) -> None:
    for headers, body in NO_BODIES.values():
        head = request("POST /api/tasks", *headers, "Connection: close", user=user)
        status, problem = await send(server, head, body)
        assert (status, problem["errors"]) == (
            422,
            [{"pointer": "", "detail": "a body is required"}],
        )


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=utf8",
        'application/json; charset="UTF-8"',
        "APPLICATION/JSON;CHARSET=UTF-8",
        "application/json; charset=us-ascii",
        "application/json; charset=",
        "application/json; odata.metadata=none; version=2",
        "application/json ;",
        "application/json;;charset=utf-8;",
        'application/json; profile="a;charset=utf-16"',
    ],
)
async def test_unusual_media_types_are_json(client: httpx.AsyncClient, kind: str) -> None:
    sent = b'{"title": "x"}'
    response = await client.post("/api/tasks", content=sent, headers={"Content-Type": kind})
    assert response.status_code == 201


async def test_a_byte_order_mark_is_ignored(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "one"}
    bodies = '{"title": "\u00e9"}'.encode(), MARK + '{"title": "\u00e9"}'.encode()
    made = [await client.post("/api/tasks", content=each, headers=headers) for each in bodies]
    assert [each.status_code for each in made] == [201, 201]
    assert made[0].json()["title"] == "\u00e9"
    assert made[1].headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("sent", "code", "detail"),
    [
        (("application/json", "{".encode("utf-16")), "malformed_json", "UTF-16 or UTF-32"),
        (("application/json", "{}".encode("utf-16-le")), "malformed_json", "UTF-16 or UTF-32"),
        (("application/json; charset=latin1", b"{}"), "unsupported_media_type", "in UTF-8"),
        (("application/json; charset=utf-16", b"{}"), "unsupported_media_type", "in UTF-8"),
        (
            ("application/x-www-form-urlencoded", b"{}"),
            "unsupported_media_type",
            "application/json",
        ),
        (("application/merge-patch+json", b"{}"), "unsupported_media_type", "application/json"),
    ],
)
async def test_an_error_says_what_to_send(
    client: httpx.AsyncClient, sent: tuple[str, bytes], code: str, detail: str
) -> None:
    kind, body = sent
    response = await client.post("/api/tasks", content=body, headers={"Content-Type": kind})
    assert response.json()["code"] == code
    assert detail in response.json()["detail"]


async def test_a_plus_in_an_instant_need_not_be_encoded(client: httpx.AsyncClient) -> None:
    for hour in range(3):
        due = f"2026-01-01T0{hour}:00:00+01:00"
        await client.post("/api/tasks", json={"title": str(hour), "due_at": due})
    listed = []
    for plus in ("+", "%2B"):
        target: str | None = (
            f"/api/tasks?sort=due_at&limit=1&due_before=2026-01-01T02:00:00{plus}01:00"
        )
        while target:
            page = await client.get(target)
            listed += [each["title"] for each in page.json()["items"]]
            target = page.links.get("next", {}).get("url")
    assert listed == ["0", "1"] * 2


@pytest.mark.parametrize(
    ("first", "headers", "status"),
    [
        ("GET /health/ready HTTP/1.0", (), 200),
        ("GET /health/live HTTP/1.1", ("Host: 10.0.0.7:8000",), 200),
        ("GET /health/live HTTP/1.1", ("Host:",), 200),
        ("GET http://tasks.example.com/health/live HTTP/1.1", ("Host: x",), 200),
        ("HEAD /health/ready HTTP/1.1", ("Host: x",), 200),
        ("HEAD / HTTP/1.1", ("Host: x",), 302),
        ("GET / HTTP/1.0", (), 302),
        ("OPTIONS / HTTP/1.0", (), 200),
        ("OPTIONS * HTTP/1.1", ("Host: x",), 200),
    ],
)
async def test_health_checks_of_platforms_are_answered(
    server: LiveServer, first: str, headers: tuple[str, ...], status: int
) -> None:
    head = "\r\n".join([first, *headers, "Connection: close", "", ""]).encode()
    reader, writer = await connect(server)
    writer.write(head)
    async with asyncio.timeout(20):
        assert (await reader.read()).startswith(b"HTTP/1.1 %d " % status)
    writer.close()
