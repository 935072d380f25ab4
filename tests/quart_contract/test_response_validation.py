"""A response that violates the contract is not sent, and the log says what is wrong."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import structlog
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from quart_contract.contract import Contract
from quart_contract.document import Document
from tests.quart_contract.sample import changed

GOOD = (200, {"ETag": '"1"', "Content-Type": "application/json; charset=utf-8"}, b'{"size":1}')


def _with_body(tree: dict[str, Any]) -> None:
    schema = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 9},
            "owner": {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
            "extra": {"type": "object"},
            "parts": {"items": {"$ref": "#/components/schemas/Part"}},
        },
    }
    own = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Part"}}}
    part = {"oneOf": [own, {"const": 1}]}
    tree["components"]["schemas"]["Part"] = part
    tree["paths"]["/things/{id}"]["get"]["responses"] = {
        "200": {
            "headers": {
                "ETag": {"required": True, "schema": {"type": "string", "pattern": '^"[0-9]+"$'}},
                "Age": {"schema": {"type": "integer"}},
            },
            "content": {"application/json": {"schema": schema}},
        },
        "204": {},
        "4XX": {},
    }


async def events_of(
    status: int, headers: Mapping[str, str], *bodies: bytes, path: str = "/things/1"
) -> tuple[list[Any], list[Any]]:
    """Run an app that sends a response. Return what is sent, and what is logged as an error."""
    events: list[Any] = []

    async def app(_: Scope, __: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        for number, body in enumerate(bodies or (b"",), 1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    async def keep(event: Any) -> None:  # noqa: ANN401 - an event of ASGI
        events.append(event)

    async def receive() -> Any:  # noqa: ANN401 - an event of ASGI
        return {"type": "http.disconnect"}

    contract = Contract(Document(json.dumps(changed(_with_body)).encode()))
    scope: Any = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    with structlog.testing.capture_logs() as logs:
        await contract.validate_responses(app)(scope, receive, keep)
    return events, [each.get("differences") for each in logs]


async def sent(*response: Any, path: str = "/things/1") -> tuple[int, bytes, list[Any]]:  # noqa: ANN401
    (start, *parts), logged = await events_of(*response, path=path)
    return start["status"], b"".join(each["body"] for each in parts), logged


async def test_the_error_keeps_what_a_browser_and_an_operator_need() -> None:
    kept = {"x-request-id": "an-id", "vary": "Origin", "access-control-allow-origin": "*"}
    (start, end), _ = await events_of(200, GOOD[1] | kept | {"etag": "wrong"}, GOOD[2])
    assert json.loads(end["body"])["request_id"] == "an-id"
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert headers.keys() == {"content-type", "content-length", *kept}
    assert kept.items() <= headers.items()


@pytest.mark.parametrize(
    "response",
    [
        GOOD,
        (200, {"ETag": '"1"', "Content-Type": "application/json"}, b'{"si', b'ze":1}'),
        (200, GOOD[1] | {"Age": "7"}, GOOD[2]),
        (200, GOOD[1], b'{"size":1,"owner":{"a":1,"b":2},"extra":{"x":1},"parts":[1,{"next":{}}]}'),
        (204, {}),
        (404, {}),
    ],
)
async def test_a_response_that_fits_leaves_as_it_is(response: Any) -> None:  # noqa: ANN401
    status, _, *bodies = response
    assert await sent(*response) == (status, b"".join(bodies), [])


@pytest.mark.parametrize(
    ("response", "difference"),
    [
        ((201, {}), "the contract has no status 201"),
        ((204, {}, b"x"), "it has a body, and the contract has none"),
        ((200, {"Content-Type": "application/json"}, GOOD[2]), "header ETag is required"),
        ((200, GOOD[1] | {"ETag": "1"}, GOOD[2]), 'header ETag does not match ^"[0-9]+"$'),
        ((200, GOOD[1] | {"Age": "old"}, GOOD[2]), "header Age is not an integer"),
        ((200, GOOD[1] | {"Content-Type": "text/html"}, GOOD[2]), "no media type text/html"),
        ((200, GOOD[1], b"{"), "its body is not JSON"),
        ((200, GOOD[1], b'{"size":0}'), "/size violates minimum of its schema"),
        ((200, GOOD[1], b"{}"), "/ violates required of its schema"),
        ((200, GOOD[1], b'{"size":1,"x":1}'), "/ violates unevaluatedProperties of"),
        ((200, GOOD[1], b'{"size":1,"owner":{"c":1}}'), "/owner violates unevaluatedProperties of"),
        ((200, GOOD[1], b'{"size":1,"parts":[{"x":1}]}'), "/parts/0 violates unevaluated"),
    ],
)
async def test_a_response_that_does_not_fit_becomes_a_500(
    response: Any,  # noqa: ANN401
    difference: str,
) -> None:
    status, body, logged = await sent(*response)
    assert json.loads(body)["code"] == "internal_error"
    assert status == 400  # the sample has this status for every code
    ((found,),) = logged
    assert difference in found


async def test_what_is_no_operation_leaves_as_it_is() -> None:
    assert await sent(201, {}, b"x", path="/docs") == (201, b"x", [])
