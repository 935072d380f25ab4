"""A front end of another origin can call the API and read its errors."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog

from app import create_app
from app.settings import Settings
from quart_contract.document import Document
from tests.support.clients import async_client
from tests.support.live_server import live

APP = "https://app.example.com"
ORIGIN = {"Origin": APP}
# Headers that tools add to each call of a page.
ADDED = [
    *(
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
        "b3",
        "x-b3-traceid",
        "uber-trace-id",
    ),
    *("x-datadog-trace-id", "newrelic", "elastic-apm-traceparent", "x-amzn-trace-id", "request-id"),
    *("cache-control", "pragma", "if-modified-since", "x-requested-with", "x-request-id"),
    *("x-client-version", "x-csrf-token", "prefer", "dpr", "ngrok-skip-browser-warning"),
]
# Fetch, 2.2.6: readable without a list. Others concern the connection, or the browser alone.
READABLE = {"cache-control", "content-length", "content-type", "expires", "last-modified", "pragma"}
NOT_FOR_PAGES = {"connection", "server", "transfer-encoding", "vary", "keep-alive"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/tasks", 401),
        ("/nope", 404),
        ("/health/live?x=1", 422),
        ("/health/live", 200),
        ("/api/tasks/%FF", 400),
        ("/" + "x" * 9000, 414),
    ],
)
async def test_every_answer_can_be_read_by_a_front_end(
    anonymous: httpx.AsyncClient, path: str, status: int
) -> None:
    response = await anonymous.get(path, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]
    # The page that asked first is not the page that reads the answer in a cache.
    assert "Origin" in (await anonymous.get(path)).headers["Vary"]


async def test_a_page_can_read_every_header(client: httpx.AsyncClient, contract: Document) -> None:
    key = {"Idempotency-Key": "k"}
    created = [
        await client.post("/api/tasks", json={"title": "x"}, headers=ORIGIN | key) for _ in range(2)
    ]
    task = created[0].headers["Location"]
    responses = [
        *created,
        await client.get(task, headers=ORIGIN | {"If-None-Match": created[0].headers["ETag"]}),
        await client.get("/api/tasks?limit=1", headers=ORIGIN),
        await client.patch(task, json={}, headers=ORIGIN | {"If-Match": '"9"'}),
        await client.post(task, headers=ORIGIN),
        await client.put(task, content="x", headers=ORIGIN),
        await client.get("/api/tasks", headers=ORIGIN | {"Authorization": "Bearer x"}),
        await client.get("/openapi.json", headers=ORIGIN),
    ]
    statuses = [each.status_code for each in responses]
    assert statuses == [201, 201, 304, 200, 412, 405, 415, 401, 200]
    for response in responses:
        exposed = names(response, "Access-Control-Expose-Headers")
        sent = {name for name in response.headers if not name.startswith("access-control-")}
        assert sent - exposed - READABLE - NOT_FOR_PAGES == set()
        assert {name.lower() for name in contract.tree["components"]["headers"]} <= exposed


def names(response: httpx.Response, header: str) -> set[str]:
    return set(re.findall(r"[^\s,]+", response.headers.get(header, "").lower()))


async def preflight(
    client: httpx.AsyncClient, path: str = "/api/tasks", **changes: str
) -> httpx.Response:
    """Send a preflight request; `changes` are headers, with underscores for hyphens."""
    asked = {"Access-Control-Request-Method": "PATCH"} | {
        name.replace("_", "-"): value for name, value in changes.items()
    }
    return await client.options(path, headers=ORIGIN | asked)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_preflight_request_needs_no_token(
    anonymous: httpx.AsyncClient, method: str
) -> None:
    response = await preflight(
        anonymous,
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers="authorization,content-type",
    )
    assert response.status_code == 204
    assert method.lower() in names(response, "Access-Control-Allow-Methods")
    assert names(response, "Access-Control-Allow-Headers") == {"authorization", "content-type"}
    assert response.headers["Access-Control-Max-Age"] == "600"


async def test_a_header_that_a_tool_adds_breaks_no_call(client: httpx.AsyncClient) -> None:
    response = await preflight(client, Access_Control_Request_Headers=",".join(ADDED))
    assert names(response, "Access-Control-Allow-Headers") == set(ADDED)
    added = dict.fromkeys(ADDED, "0") | ORIGIN
    assert (await client.get("/api/tasks", headers=added)).status_code == 200


@pytest.mark.parametrize("asked", ["", ",", 'a"b', "é", "a b", "x:y", "(", "," * 9000, "a," * 6000])
async def test_no_list_of_headers_is_an_error(anonymous: httpx.AsyncClient, asked: str) -> None:
    headers = [(b"Access-Control-Request-Headers", asked.encode("latin1"))]
    headers += [(b"Origin", APP.encode()), (b"Access-Control-Request-Method", b"GET")]
    response = await anonymous.options("/api/tasks", headers=headers)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize("path", ["/nope", "/api/tasks/%FF", "//", "/" + "x" * 9000, "/problems"])
async def test_a_preflight_succeeds_where_the_request_will_fail(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    response = await preflight(anonymous, path, Access_Control_Request_Headers="authorization")
    assert (response.status_code, response.content) == (204, b"")
    assert names(response, "Access-Control-Allow-Headers") == {"authorization"}


async def test_an_allowed_page_reaches_a_server_in_a_private_network(
    anonymous: httpx.AsyncClient,
) -> None:
    asked = {"Access_Control_Request_Private_Network": "true"}
    allowed, others = "Access-Control-Allow-Private-Network", "https://evil.example.com"
    assert (await preflight(anonymous, **asked)).headers[allowed] == "true"
    assert allowed not in (await preflight(anonymous)).headers
    assert allowed not in (await preflight(anonymous, **asked, Origin=others)).headers


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "https://evil.example.com",
            "null",
            "https://app.example.com.evil.example",
            f"{APP}:8443",
        ),
        *("http://app.example.com", "https://APP.example.com", f"{APP}/", "http://localhost:5173"),
    ],
)
async def test_another_origin_is_told_nothing(anonymous: httpx.AsyncClient, origin: str) -> None:
    for response in (
        await anonymous.get("/health/live", headers={"Origin": origin}),
        await preflight(anonymous, Origin=origin),
    ):
        assert response.status_code == 200
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.fixture
async def local(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Connect to a server that allows local origins, and no other."""
    with live(
        create_app(settings.model_copy(update={"cors_origins": ()}), local_origins=True)
    ) as server:
        async with async_client(server) as client:
            yield client


async def test_dev_allows_exactly_the_origins_of_this_machine(local: httpx.AsyncClient) -> None:
    allowed = [
        *(
            "http://localhost:5173",
            "http://localhost",
            "https://localhost:8443",
            "http://[::1]:3000",
        ),
        *("http://127.0.0.1:4321", "http://shop.localhost:3000", "https://tauri.localhost"),
        *("capacitor://localhost", "ionic://localhost", "tauri://localhost"),
    ]
    others = [
        *(
            "http://localhost.evil.example",
            "http://evil.example/localhost",
            "http://127.0.0.1.nip.io",
        ),
        *("http://localhost:5173/", "http://localhost:x", "http://evil.example#http://localhost"),
        *("http://.localhost.evil", "null", "file://", "http://0.0.0.0:5173", "http://10.0.0.1"),
        *("http://evillocalhost", "http://user@localhost", "localhost", "http://LOCALHOST"),
    ]
    for origin in (*allowed, *others):
        response = await preflight(local, Origin=origin)
        expected = origin if origin in allowed else None
        assert response.headers.get("Access-Control-Allow-Origin") == expected, origin


async def test_a_rejected_preflight_is_logged_without_its_origin(
    local: httpx.AsyncClient, server: object, anonymous: httpx.AsyncClient
) -> None:
    del server
    with structlog.testing.capture_logs() as logs:
        for client in (local, anonymous):
            for n in range(3):
                await preflight(client, Origin=f"https://evil{n}.example")
            await preflight(client, Origin="http://localhost:1" if client is local else APP)
            await client.get("/health/live", headers={"Origin": "https://evil.example"})
    rejected = [each for each in logs if each["event"] == "preflight rejected"]
    assert [each["log_level"] for each in rejected] == ["warning"] * len(rejected)
    assert "CORS_ORIGINS" in rejected[0]["reason"]
    assert len(rejected) <= 2  # one for each server, unless another test was first
    assert "evil" not in str(logs)
