"""Every response has its request id and its fixed headers, and every request has one log line."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
import structlog

from app.openapi import read
from app.server.middleware.request_log import RequestLogMiddleware
from app.server.observability.logs import configure_logs
from quart_contract.problems import ProblemCatalogue
from tests.support.waiting import until


@pytest.mark.parametrize("id_", ["a", "A.b_c-9", "x" * 128])
async def test_a_fit_request_id_is_taken(client: httpx.AsyncClient, id_: str) -> None:
    response = await client.get("/api/tasks", headers={"X-Request-Id": id_})
    assert response.headers["X-Request-Id"] == id_


@pytest.mark.parametrize("id_", ["", "x" * 129, "a b", "é", "a/b", "<script>"])
async def test_an_unfit_request_id_is_replaced(client: httpx.AsyncClient, id_: str) -> None:
    headers = [(b"X-Request-Id", id_.encode())]
    response = await client.get("/api/tasks", headers=headers)
    assert response.headers["X-Request-Id"] not in (id_, "")


async def test_a_problem_names_the_request(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/api/tasks", headers={"X-Request-Id": "mine"})
    assert response.json()["request_id"] == "mine"


async def test_each_request_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.get("/health/live") for _ in range(20)))
    assert len({response.headers["X-Request-Id"] for response in responses}) == 20


async def test_head_answers_as_get_does_without_a_body(client: httpx.AsyncClient) -> None:
    response = await client.head("/api/tasks")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"] == "application/json"


async def test_options_names_the_methods(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.options("/api/tasks")
    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_another_method_is_not_allowed(client: httpx.AsyncClient) -> None:
    response = await client.put("/api/tasks")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_each_request_is_logged_in_one_line_without_secrets(
    client: httpx.AsyncClient, user: str
) -> None:
    with structlog.testing.capture_logs() as lines:
        response = await client.post(
            "/api/tasks", json={"title": "hush"}, headers={"X-Request-Id": "logged"}
        )
        await until(lambda: any(line["event"] == "request" for line in lines))
    assert response.status_code == 201
    (line,) = (line for line in lines if line["event"] == "request")
    assert line.pop("milliseconds") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/api/tasks",
        "status": 201,
        "user": user,
    }


async def test_an_unknown_method_is_not_logged(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines:
        response = await client.request("X" * 10_000, "/api/tasks")
        await until(lambda: any(line["event"] == "request" for line in lines))
    assert response.status_code == 405
    (line,) = (line for line in lines if line["event"] == "request")
    assert line["method"] is None


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_log_line_carries_the_request_id(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    root = logging.getLogger()
    before = root.handlers, root.level, structlog.get_config()
    try:
        configure_logs("info", log_format)  # type: ignore[arg-type]  # pytest gives strings
        with structlog.contextvars.bound_contextvars(request_id="r1"):
            structlog.get_logger("fresh").info("request", status=200)
            structlog.get_logger("fresh").debug("not shown")
        logging.getLogger("hypercorn.error").warning("from the standard library")
        first, second = capsys.readouterr().err.splitlines()
    finally:
        root.handlers, root.level = before[0], before[1]
        structlog.configure(**before[2])
    assert "r1" in first
    assert "from the standard library" in second
    if log_format == "json":
        assert json.loads(first)["status"] == 200


async def test_an_app_that_raises_is_answered_with_a_problem() -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret")

    sent = await events_of(broken)
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["code"] == "internal_error"
    assert b"secret" not in sent[1]["body"]


async def test_an_app_that_raises_in_mid_answer_cannot_be_mended() -> None:
    async def broken(_: object, __: object, send: object) -> None:
        assert callable(send)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("secret")

    with pytest.raises(RuntimeError):
        await events_of(broken)


async def events_of(app: object) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {}}
    middleware = RequestLogMiddleware(app, ProblemCatalogue(read()))  # type: ignore[arg-type]  # ASGI, by hand
    await middleware(scope, None, send)  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize(
    "accept", ["application/json; charset=utf-8", "application/*", "*/*", "text/html, */*;q=0.1"]
)
async def test_whoever_accepts_json_in_any_way_gets_it(
    client: httpx.AsyncClient, accept: str
) -> None:
    assert (await client.get("/api/tasks", headers={"Accept": accept})).status_code == 200
