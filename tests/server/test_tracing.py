"""Traces: a span for each request, named after its operation, with a child for each statement."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from app import create_app
from app.database.driver.url import DatabaseUrl
from app.server.observability.tracing import TracingError, spans, tracing_of
from app.settings import Settings
from tests.support.live_server import live
from tests.support.otlp_receiver import Received, Receiver, otlp_receiver
from tests.support.tokens import token_for

ROOT = Path(__file__).parents[2]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-01")
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Run a collector, and set the environment to it."""
    with otlp_receiver() as running:
        monkeypatch.setenv(ENDPOINT, running.url)
        yield running


Serve = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def serve(settings: Settings, user: str) -> Serve:
    """Serve with other settings for a client of `user`. At the end, all spans are exported."""

    @contextmanager
    def start(**changes: object) -> Iterator[httpx.Client]:
        headers = {"Authorization": f"Bearer {token_for(user)}"}
        with (
            live(create_app(settings.model_copy(update=changes))) as server,
            httpx.Client(base_url=server.base_url, headers=headers) as client,
        ):
            yield client

    return start


def operations_of(statements: list[Received]) -> list[str | int]:
    return [span.attributes["db.operation.name"] for span in statements]


def test_a_request_is_a_child_span_named_after_its_operation(
    serve: Serve, receiver: Receiver
) -> None:
    with serve() as client:
        traceparent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        response = client.get("/api/tasks?q=hush", headers=traceparent)
    assert response.status_code == 200
    span = receiver.named("listTasks")
    assert (span.kind, span.trace_id, span.parent_id) == ("SERVER", TRACE, PARENT)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/tasks",
        "http.response.status_code": 200,
        "url.path": "/api/tasks",
        "url.scheme": "http",
    }
    assert span.service["service.name"] == "taskward"
    assert not span.failed


@pytest.mark.usefixtures("one_postgresql")
def test_each_statement_is_a_span_below_its_request(serve: Serve, receiver: Receiver) -> None:
    with serve() as client:
        task = client.post("/api/tasks", json={"title": "x"}).headers["Location"]
        client.post("/api/tasks/batch", json={"operations": []}, headers={"Idempotency-Key": "k"})
        operations = [{"op": "create", "task": {"title": "x"}}] * 2
        client.post("/api/tasks/batch", json={"operations": operations})
        client.get(task)
        client.get("/health/live")
    created = receiver.below(receiver.named("createTask"))
    assert [(span.kind, span.failed) for span in created] == [("CLIENT", False)]
    (read,) = receiver.below(receiver.named("getTask"))
    assert (read.name, read.attributes["db.system.name"]) == ("SELECT", "postgresql")
    assert str(read.attributes["db.query.text"]).startswith("SELECT tasks.id")
    assert receiver.below(receiver.named("getLiveness")) == []
    refused, batch = (span for span in receiver.spans if span.name == "batchTasks")
    assert receiver.below(refused) == []
    statements = receiver.below(batch)
    assert operations_of(statements) == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert ["db.query.text" in span.attributes for span in statements] == [False, True, True, False]


def test_no_span_has_a_token_a_user_or_text_of_a_user(
    serve: Serve, receiver: Receiver, user: str
) -> None:
    with serve() as client:
        client.post("/api/tasks", json={"title": "hush"}, headers={"Idempotency-Key": "hush"})
        for target in ("/api/tasks?q=hush", "/api/tasks?hush=hush", "/?hush", "http://u:hush@x/"):
            headers = {"X-Request-Id": "hush", "traceparent": "hush"}
            client.get("/", headers=headers, extensions={"target": target.encode()})
        token = client.headers["Authorization"].removeprefix("Bearer ")
    assert len(receiver.spans) > 5
    escaped = "".join(f"\\U{ord(character):08X}" for character in user)
    for secret in ("hush", user, escaped, token, token.split(".")[1]):
        assert secret.encode() not in receiver.raw


def test_repeated_tracestates_are_joined_and_two_parents_ignored(
    serve: Serve, receiver: Receiver
) -> None:
    states = [("tracestate", "a=1"), ("tracestate", "b=2, c=3")]
    with serve() as client:
        client.get("/health/live", headers=[TRACEPARENT, *states])
        client.get("/health/ready", headers=[TRACEPARENT, TRACEPARENT])
    alive, ready = receiver.spans
    assert (alive.trace_id, alive.parent_id, alive.state) == (TRACE, PARENT, "a=1,b=2,c=3")
    assert (ready.trace_id != TRACE, ready.parent_id) == (True, "")


def test_a_client_cannot_make_spans_large(serve: Serve, receiver: Receiver) -> None:
    state = ",".join(f"{name}={'x' * 250}" for name in "abc")
    with serve() as client:
        client.get(f"/{'x' * 8000}", headers=[TRACEPARENT, ("tracestate", state)])
        client.get(f"/{'x' * 9000}")
    absent, refused = receiver.spans
    assert (absent.trace_id, absent.state) == (TRACE, "")
    assert len(str(absent.attributes["url.path"])) == spans.MAX_TEXT
    assert refused.attributes["http.response.status_code"] == 414
    assert "url.path" not in refused.attributes


def test_a_request_of_no_operation_is_named_by_its_method(serve: Serve, receiver: Receiver) -> None:
    with serve() as client:
        client.get("/nothing")
        client.request("HUSH", "/api/tasks")
    absent, unknown = receiver.spans
    assert (absent.name, absent.attributes["url.path"]) == ("GET", "/nothing")
    assert absent.attributes["http.response.status_code"] == 404
    assert "http.route" not in absent.attributes
    assert (unknown.name, unknown.attributes["http.request.method"]) == ("HTTP", "_OTHER")


def test_a_bug_is_a_failed_span_that_does_not_quote_it(
    serve: Serve, receiver: Receiver, empty_database: DatabaseUrl
) -> None:
    with serve(database_url=empty_database) as client:
        assert client.get("/api/me").status_code == 500
    span = receiver.named("getMe")
    assert (span.failed, span.attributes["http.response.status_code"]) == (True, 500)
    (statement,) = receiver.below(span)
    assert statement.failed
    assert statement.attributes["error.type"] == "UndefinedTableError"
    assert b"does not exist" not in receiver.raw


def test_an_unreachable_collector_is_logged_and_delays_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spans, "FLUSH_SECONDS", 0.1)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    deadline = time.monotonic() + 30
    with serve() as client:
        assert client.get("/api/me").status_code == 200
        while OTLPSpanExporter.__module__ not in {record.name for record in caplog.records}:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert client.get("/api/me").status_code == 200


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {ENDPOINT: ""},
        {"OTEL_SERVICE_NAME": "tasks"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "TRUE"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_that_nobody_asks_for(environment: dict[str, str]) -> None:
    assert tracing_of(environment, "1") is None


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER must be otlp or none"),
        (
            {ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf",
        ),
        (
            {ENDPOINT: "127.0.0.1:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT must start with http:// or https://",
        ),
        (
            {ENDPOINT: "http://127.0.0.1:1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100000"},
            "max_export_batch_size must be less",
        ),
    ],
)
def test_what_cannot_be_sent_to_is_refused(
    environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)  # the library reads it from the environment
    with pytest.raises(TracingError, match=words):
        tracing_of(environment, "1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1"),
        (ENDPOINT, "http://127.0.0.1:1"),
    ],
)
def test_traces_without_their_packages_name_the_packages(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python then behaves as if the package were not installed.
    monkeypatch.setitem(sys.modules, OTLPSpanExporter.__module__, None)
    monkeypatch.delitem(sys.modules, spans.__name__)
    with pytest.raises(TracingError, match=r"Install requirements-otel\.txt"):
        tracing_of({name: value}, "1")


def test_optional_libraries_are_not_imported_by_default() -> None:
    script = """
import sys
from app import create_app
from app.database.driver.url import DatabaseUrl
from app.settings import Settings
url = DatabaseUrl("postgresql://nobody@127.0.0.1:1/nothing")
create_app(Settings.model_construct(database_url=url, jwks_url="http://127.0.0.1:1/"))
print(*{"prometheus_client", "opentelemetry"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", script]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "\n"
