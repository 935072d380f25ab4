"""A collector of traces: receives them over OTLP/HTTP and decodes them."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

Attributes = dict[str, str | int]


class Received(NamedTuple):
    """A span, and the resource attributes of the service that created it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    begins: int
    failed: bool
    attributes: Attributes
    service: Attributes


class Receiver:
    """The received exports, as they came, and as spans in the order of their start."""

    def __init__(self) -> None:
        self.raw = b""
        self._spans: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Received]:
        """All spans."""
        return sorted(self._spans, key=lambda span: span.begins)

    def named(self, name: str) -> Received:
        """Return the one span of a name."""
        (found,) = (span for span in self._spans if span.name == name)
        return found

    def below(self, parent: Received) -> list[Received]:
        """Return the children of a span, which are in its trace."""
        found = [span for span in self.spans if span.parent_id == parent.span_id]
        assert {span.trace_id for span in found} <= {parent.trace_id}
        return found

    def run(self) -> None:
        """Receive exports until `stop`."""
        self._server.serve_forever(0.02)

    def stop(self) -> None:
        """Stop the collector."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        """Handle a request."""
        assert path == "/v1/traces"
        self.raw += body
        for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _read(of_service.resource.attributes)
            for scope in of_service.scope_spans:
                self._spans += [_received(span, service) for span in scope.spans]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _received(span: Span, service: Attributes) -> Received:
    return Received(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        state=span.trace_state,
        begins=span.start_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_read(span.attributes),
        service=service,
    )


def _read(attributes: Iterable[KeyValue]) -> Attributes:
    return {each.key: each.value.string_value or each.value.int_value for each in attributes}


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Run a collector."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop()
        thread.join()
