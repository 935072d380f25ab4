"""A span for each request, named by its operation, and below it one for each statement.

What a span says is listed here: nothing of a token, a body, a query or a user. The packages of
OpenTelemetry for ASGI and asyncpg say more, name requests by their path, and would have to be told
not to, in more code than this.
"""

import asyncio
import logging
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPMethod, HTTPStatus
from threading import Thread

import requests
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

from app.auth.request_state import state_of
from app.database.driver.link import Link

COMPLAINT_SECONDS = 60
"""How often a collector is complained of that takes nothing: every batch would be a line or six."""
FLUSH_SECONDS = 3
"""How long the end waits for a collector to take what is left."""

MAX_TEXT = 512
"""How many characters of what a client chose are kept: each span of the request has its state."""

_METHODS = frozenset(each.value for each in HTTPMethod)
_TRACE_CONTEXT = TraceContextTextMapPropagator()
_OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT|ROLLBACK)\b")


class Complaints(logging.Filter):
    """Lets each kind of complaint pass once in `COMPLAINT_SECONDS`."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record, whose kind is its text without the values, passes."""
        now, kind = time.monotonic(), str(record.msg)
        passes = now - self._passed.get(kind, float("-inf")) >= COMPLAINT_SECONDS
        if passes:
            self._passed[kind] = now
        return passes


_COMPLAINTS = Complaints()


class Tracing:
    """Makes spans, and sends them in a thread of its own, as the standard variables say."""

    def __init__(self, version: str) -> None:
        own = Resource.create({"service.name": "taskward", "service.version": version})
        # What the environment says of the service counts more than what we say.
        resource = own.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(session=_session())
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(_COMPLAINTS)
        self._tracer = self._provider.get_tracer("taskward", version)

    def around(self, app: ASGIFramework) -> "Traced":
        """The app, with a span for each request."""
        return Traced(app, self._tracer)

    def connection_class(self) -> type[Link]:
        """A class of connections to the database, with a span for each statement."""
        tracer = self._tracer

        class TracedConnection(Link):
            __slots__ = ()

            async def fetch(self, query: str, *args: object, **options: object) -> object:
                with _statement(tracer, query, args):
                    return await super().fetch(query, *args, **options)

            async def execute(self, query: str, *args: object, **options: object) -> object:
                with _statement(tracer, query, args):
                    return await super().execute(query, *args, **options)

        return TracedConnection

    async def close(self) -> None:
        """Send what is left, unless that takes too long."""
        flush = Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        await asyncio.to_thread(flush.join, FLUSH_SECONDS)


def _session() -> requests.Session:
    """Sends to a collector, and reads no more of an answer than its head: it could have no end."""
    session = requests.Session()
    session.stream = True
    session.hooks["response"].append(lambda answer, **_: answer.close())
    return session


class Traced:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIFramework, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one connection of the ASGI protocol."""
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
        record_exception=False,  # its message could quote what users have written
        set_status_on_exception=False,
    ) as span:
        yield span


def _sent(scope: HTTPScope) -> dict[str, str]:
    """What a request says of its trace; a header that is sent in parts is one."""
    parts = defaultdict(list)
    for name, value in scope["headers"]:
        if name in {b"traceparent", b"tracestate"}:
            parts[name.decode()].append(value.decode("latin-1"))
    sent = {name: ",".join(values) for name, values in parts.items()}
    return {name: text for name, text in sent.items() if len(text) <= MAX_TEXT}


def _finish(span: Span, scope: HTTPScope) -> None:
    state = state_of(scope)
    if state.refusal is None:  # else what was sent as a path need not be one
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
        # Values are its arguments; without any, what begins a transaction names the user.
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
