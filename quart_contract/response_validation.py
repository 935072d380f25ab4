"""Check each response against the contract before it is sent, in development and tests.

A property that the contract does not describe violates it, even though clients have to ignore it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema_rs
import structlog
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from quart_contract.document import Document, Node
from quart_contract.operations import Operation, read_parameter
from quart_contract.problems import INTERNAL_ERROR, ProblemCatalogue
from quart_contract.schemas import compile_schema
from quart_contract.strict_json import MalformedJsonError, parse
from quart_contract.validation import ParameterValidator

logger = structlog.get_logger("quart_contract")

_KEPT = (b"access-control-", b"cache-control", b"vary", b"x-content-type", b"x-request-id")
"""Headers that a 500 keeps: a browser needs them to show it, and an operator to find it."""
_PARAMETER = re.compile(r"\{\w+\}")


class ResponseValidation:
    """ASGI middleware that logs responses that violate the contract, and sends a 500 instead.

    Responses that belong to no operation are sent unchanged. Any other response is held in
    memory until it is complete; if the app is cancelled before that, nothing is sent.
    """

    def __init__(
        self,
        app: ASGIFramework,
        document: Document,
        operations: Iterable[Operation],
        catalogue: ProblemCatalogue,
    ) -> None:
        self._app = app
        self._catalogue = catalogue
        paths: dict[str, dict[str, tuple[Operation, Mapping[str, ResponseValidator]]]] = {}
        for each in operations:
            paths.setdefault(each.path, {})[each.method] = each, _checks(document, each)
        # A concrete path wins over a template, even for a method that only the template has.
        self._paths = [
            (_pattern(path), paths[path]) for path in sorted(paths, key=lambda path: "{" in path)
        ]

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one ASGI connection: an HTTP request, a websocket, or the lifespan."""
        found = self._operation(scope) if scope["type"] == "http" else None
        if found is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        operation, checks = found
        held: list[Any] = []  # the events of the response, until it is complete

        async def hold(event: ASGISendEvent) -> None:
            held.append(event)
            if event["type"] == "http.response.body" and not event.get("more_body", False):
                for each in self._checked(scope, operation, checks, held):
                    await send(each)

        await self._app(scope, receive, hold)

    def _operation(
        self, scope: HTTPScope
    ) -> "tuple[Operation, Mapping[str, ResponseValidator]] | None":
        if b"%2f" in scope["raw_path"].lower():
            return None  # no router takes an encoded slash for a slash
        for pattern, methods in self._paths:
            if pattern.fullmatch(scope["path"]):
                return methods.get(scope["method"])
        return None

    def _checked(
        self,
        scope: HTTPScope,
        operation: Operation,
        checks: "Mapping[str, ResponseValidator]",
        events: list[Any],
    ) -> list[Any]:
        start, *bodies = events
        body = b"".join(each.get("body", b"") for each in bodies)
        status = str(start["status"])
        check = checks.get(status) or checks.get(f"{status[0]}XX") or checks.get("default")
        if check is None:
            differences = [f"the contract has no status {status}"]
        else:
            differences = list(check.differences(start["headers"], body))
        if not differences or start["status"] == self._catalogue.status(INTERNAL_ERROR):
            return events
        logger.error("response violates contract", operation=operation.id, differences=differences)
        kept = [each for each in start["headers"] if each[0].lower().startswith(_KEPT)]
        request_id = dict(kept).get(b"x-request-id")
        error, end = self._catalogue.events(
            INTERNAL_ERROR,
            path=scope["path"],
            request_id=request_id.decode("latin1") if request_id else None,
        )
        return [{**error, "headers": [*error["headers"], *kept]}, end]


class ResponseValidator:
    """Validates the responses of one status of an operation."""

    def __init__(self, document: Document, node: Node) -> None:
        self._headers = [
            ParameterValidator(
                document, read_parameter(document, {**header, "name": name, "in": "header"})
            )
            for name, header in _headers(document, node)
        ]
        self._content: dict[str, jsonschema_rs.Draft202012Validator | None] = {
            media_type: compile_schema(document, each["schema"], closed=True)
            if "schema" in each
            else None
            for media_type, each in node.get("content", {}).items()
        }

    def differences(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Iterator[str]:
        """Yield a line for each violation of the contract in a response, without its values."""
        sent: dict[str, list[str]] = {}
        for name, value in headers:
            sent.setdefault(name.decode("latin1").lower(), []).append(value.decode("latin1"))
        for check in self._headers:
            for violation in check.violations(sent.get(check.parameter.name.lower(), [])):
                yield f"header {violation.header} {violation.detail}"
        if not self._content:
            if body:
                yield "it has a body, and the contract has none"
            return
        media_type = (sent.get("content-type") or [""])[0].partition(";")[0].strip()
        if media_type not in self._content:
            yield f"the contract has no media type {media_type}"
        elif (validator := self._content[media_type]) and media_type.endswith("json"):
            yield from _body_differences(validator, body)


def _body_differences(validator: jsonschema_rs.Draft202012Validator, body: bytes) -> Iterator[str]:
    try:
        value = parse(body, limited=False)
    except MalformedJsonError:
        yield "its body is not JSON"
        return
    for error in validator.iter_errors(value):
        place = "/".join(str(each) for each in error.instance_path)
        yield f"/{place} violates {error.kind.name} of its schema"


def _headers(document: Document, node: Node) -> Iterator[tuple[str, Node]]:
    for name, header in node.get("headers", {}).items():
        if name.lower() != "content-type":
            yield name, document.resolve(header)


def _checks(document: Document, operation: Operation) -> dict[str, ResponseValidator]:
    return {
        status: ResponseValidator(document, node) for status, node in operation.responses.items()
    }


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, _PARAMETER.split(path))))
