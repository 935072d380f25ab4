"""A span for each request, named after its operation, with a child span for each statement.

This module lists every attribute of a span. None contains a token, a body, a query string or a
user. OpenTelemetry's own packages for ASGI and asyncpg record more and name requests by their
path. To configure them would take more code than this module.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPMethod, HTTPStatus
from threading import Thread

import structlog
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    Scope,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ....auth.request_state import STATE, RequestState
from ....database.driver.connection import DriverConnection

FLUSH_SECONDS = 3
"""How long the shutdown waits while the last spans are exported."""

MAX_TEXT = 512
"""The most characters of a text from the client that a span keeps.

The limit applies to `tracestate`, too, which every span of the request repeats.
"""

_METHODS = frozenset(each.value for each in HTTPMethod)
_TRACE_CONTEXT = TraceContextTextMapPropagator()
_OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT|ROLLBACK)\b")


class Tracing:
    """Creates spans, and exports them in a separate thread as the standard variables configure."""

    def __init__(self, version: str) -> None:
        own = Resource.create({"service.name": "taskward", "service.version": version})
        # The operator's settings override these defaults.
        resource = own.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("taskward", version)

    def around(self, app: ASGIFramework) -> "TracingMiddleware":
        """Return the app with a span for each request."""
        return TracingMiddleware(app, self._tracer)

    def connection_class(self) -> type[DriverConnection]:
        """Return a class of database connections that creates a span for each statement."""
        tracer = self._tracer

        class TracedConnection(DriverConnection):
            __slots__ = ()

            async def fetch(self, query: str, *args: object, **options: object) -> object:
                with _statement(tracer, query, args):
                    return await super().fetch(query, *args, **options)

            async def execute(self, query: str, *args: object, **options: object) -> object:
                with _statement(tracer, query, args):
                    return await super().execute(query, *args, **options)

        return TracedConnection

    async def close(self) -> None:
        """Export the remaining spans. Give up after `FLUSH_SECONDS`."""
        flush = Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        await asyncio.to_thread(flush.join, FLUSH_SECONDS)


class TracingMiddleware:
    """The outermost ASGI middleware: creates a span for each request."""

    def __init__(self, app: ASGIFramework, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with _started(self._tracer, scope) as span:
            ids = span.get_span_context()
            structlog.contextvars.bind_contextvars(
                trace_id=format_trace_id(ids.trace_id), span_id=format_span_id(ids.span_id)
            )
            try:
                await self._app(scope, receive, send)
            finally:
                _finish(span, scope)


@contextmanager
def _started(tracer: Tracer, scope: HTTPScope) -> Iterator[Span]:
    known = scope["method"] in _METHODS
    with tracer.start_as_current_span(
        scope["method"] if known else "HTTP",
        context=_TRACE_CONTEXT.extract(_sent(scope)),
        kind=SpanKind.SERVER,
        attributes={
            "http.request.method": scope["method"] if known else "_OTHER",
            "url.scheme": scope["scheme"],
        },
        record_exception=False,  # its message could quote data of users
        set_status_on_exception=False,
    ) as span:
        yield span


def _sent(scope: HTTPScope) -> dict[str, str]:
    """Return the trace headers of a request. The values of a repeated header are joined."""
    parts = defaultdict(list)
    for name, value in scope["headers"]:
        if name in {b"traceparent", b"tracestate"}:
            parts[name.decode()].append(value.decode("latin-1"))
    sent = {name: ",".join(values) for name, values in parts.items()}
    return {name: text for name, text in sent.items() if len(text) <= MAX_TEXT}


def _finish(span: Span, scope: HTTPScope) -> None:
    state: RequestState = scope["state"][STATE]
    if state.refusal is None:  # a rejected request has no valid path
        span.set_attribute("url.path", scope["path"][:MAX_TEXT])
    if state.operation is not None:
        span.update_name(state.operation)
    if state.route:
        span.set_attribute("http.route", state.route)
    if state.status is not None:
        span.set_attribute("http.response.status_code", state.status)
    if state.status is None or state.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


@contextmanager
def _statement(tracer: Tracer, query: str, args: tuple[object, ...]) -> Iterator[None]:
    found = _OPERATION.search(query)
    operation = found[1] if found else "SQL"
    attributes = {"db.system.name": "postgresql", "db.operation.name": operation}
    if args:
        # Values are in `args`, not in the text. A statement without arguments is excluded: the
        # one that begins a transaction has the user's id in its text.
        attributes["db.query.text"] = query
    with tracer.start_as_current_span(
        operation,
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
