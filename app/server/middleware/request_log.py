"""The outermost middleware: adds a request id, fixed headers and a log line to every response."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from http import HTTPStatus
from typing import TypeAlias

import structlog
import uuid_utils
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPResponseStartEvent,
    HTTPScope,
    Scope,
)

from quart_contract.problems import INTERNAL_ERROR, ProblemCatalogue

from ...auth.request_state import STATE, RequestState
from ..http.protocol import BUFFERED_BYTES
from ..observability.health import PROBES

logger = structlog.get_logger("app.request")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
_WITHOUT_CONTENT = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
_EXPECTED_OF_PROBES = {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_NO_CACHE = (b"cache-control", b"private, no-cache")


Recorder: TypeAlias = Callable[[RequestState, float], None]
"""Called with the state of each finished request and its duration in seconds, without waits."""


class RequestLogMiddleware:
    """ASGI middleware that creates the `RequestState`, and logs what the inner layers stored in it.

    An error that no inner layer renders becomes a 500, unless the response has begun.
    """

    def __init__(
        self, app: ASGIFramework, catalogue: ProblemCatalogue, record: Recorder | None = None
    ) -> None:
        self._app = app
        self._catalogue = catalogue
        self._record = record

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            await _RequestCycle(self._app, self._catalogue, scope, send, self._record).run(receive)
        else:
            await self._app(scope, receive, send)


class _RequestCycle:
    """One request and its response."""

    __slots__ = ("_app", "_catalogue", "_record", "_scope", "_send_on", "_state")

    def __init__(
        self,
        app: ASGIFramework,
        catalogue: ProblemCatalogue,
        scope: HTTPScope,
        send: ASGISendCallable,
        record: Recorder | None,
    ) -> None:
        self._app = app
        self._catalogue = catalogue
        self._scope = scope
        self._send_on = send
        self._record = record
        fields = dict(scope["headers"])
        self._state = RequestState(request_id(scope, fields), fields, asyncio.current_task())
        scope["state"][STATE] = self._state

    async def run(self, receive: ASGIReceiveCallable) -> None:
        began = time.perf_counter()
        state = self._state
        structlog.contextvars.bind_contextvars(request_id=state.request_id)
        try:
            await self._app(self._scope, receive, self._send)
        except Exception:
            logger.exception("request failed")
            if state.status is not None:
                raise
            await self._send_internal_error()
        finally:
            state.task = None  # break the cycle: the task's context refers to the state
            if state.flight is not None:
                state.flight.requests -= 1
            # A wait for changes is no work.
            seconds = time.perf_counter() - began - state.waited_seconds
            self._log(seconds)
            if self._record is not None:
                self._record(state, seconds)

    async def _send(self, event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            self._state.status = event["status"]
            event = {**event, "headers": self._headers(event)}
        elif event["type"] == "http.response.body" and len(event["body"]) > BUFFERED_BYTES:
            flight = self._state.flight
            with flight.sending(len(event["body"])) if flight else nullcontext():
                await self._send_on(event)
            return
        await self._send_on(event)

    def _headers(self, event: HTTPResponseStartEvent) -> list[tuple[bytes, bytes]]:
        headers = [*event["headers"], *self._state.headers]
        if event["status"] in _WITHOUT_CONTENT:
            headers = [each for each in headers if not each[0].startswith(b"content-")]
        if b"cache-control" not in dict(headers):
            headers.append(_NO_CACHE)
        return [*headers, (b"x-request-id", self._state.request_id.encode()), _NO_SNIFF]

    async def _send_internal_error(self) -> None:
        self._state.problem = INTERNAL_ERROR.code
        path, request_id = self._scope["path"], self._state.request_id
        for event in self._catalogue.events(INTERNAL_ERROR, path=path, request_id=request_id):
            await self._send(event)

    def _log(self, seconds: float) -> None:
        state, method = self._state, self._scope["method"]
        is_probe = state.operation in PROBES and state.status in _EXPECTED_OF_PROBES
        # A failing readiness check is logged when it begins to fail, and not at each probe.
        (logger.debug if is_probe else logger.info)(
            "request",
            # An unknown method is arbitrary text from the client, of any length.
            method=method if method in _METHODS else None,
            route=state.route,
            status=state.status,
            milliseconds=round(seconds * 1000, 2),
            **({"waited_seconds": round(state.waited_seconds, 1)} if state.waited_seconds else {}),
            user=state.user_id,
        )


def request_id(scope: HTTPScope, fields: Mapping[bytes, bytes]) -> str:
    """Return the `X-Request-Id` of the request if it is a valid id, otherwise a new one."""
    if b"x-request-id" in fields:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                return value.decode()
    return str(uuid_utils.uuid7())
