"""Traces of `serve` with several workers, and the log lines that refer to them."""

import json
from collections.abc import Iterator

import httpx
import pytest

from app.database.driver.url import DatabaseUrl
from tests.support.otlp_receiver import Receiver, otlp_receiver
from tests.support.taskward import Taskward, workers_of
from tests.support.tokens import SECRET, bearer

TRACES = [f"{number:032x}" for number in (1, 2)]


@pytest.fixture
def environment(database_url: DatabaseUrl) -> dict[str, str]:
    """Settings of `serve` on the database that all tests share."""
    url = database_url.text
    return {"DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as running:
        yield running


def test_each_worker_exports_spans_and_log_lines_name_them(
    taskward: Taskward,
    environment: dict[str, str],
    receiver: Receiver,
    user: str,
    is_distributed: bool,
) -> None:
    of_traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_SERVICE_NAME": "tasks"}
    server = taskward.serve("serve", **environment, **of_traces, WORKERS="2")
    for trace, worker in zip(TRACES, workers_of(server), strict=True):
        worker.suspend()
        parent = {"traceparent": f"00-{trace}-{1:016x}-01", "tracestate": "not one"}
        headers = {**bearer(user), **parent}
        response = httpx.get(f"{taskward.base_url}/api/tasks", headers=headers, timeout=10)
        assert response.status_code == 200
        worker.resume()
    finished = taskward.stop(server)
    assert finished.status == 0

    spans = [span for span in receiver.spans if span.name == "listTasks"]
    assert [span.trace_id for span in spans] == TRACES
    statements = 3 if is_distributed else 1
    assert all(len(receiver.below(span)) == statements for span in spans)
    assert {span.service["service.name"] for span in spans} == {"tasks"}
    assert len({span.service["service.instance.id"] for span in spans}) == 2
    assert "not one" not in finished.err
    logged = [json.loads(line) for line in finished.err.splitlines()]
    for span in spans:
        (line,) = (line for line in logged if line.get("span_id") == span.span_id)
        assert (line["event"], line["trace_id"]) == ("request", span.trace_id)
        assert line["route"] == "/api/tasks"


def test_serve_refuses_to_start_with_an_unsupported_exporter(
    taskward: Taskward, environment: dict[str, str]
) -> None:
    finished = taskward.run("serve", **environment, OTEL_TRACES_EXPORTER="zipkin")
    assert finished.status == 1
    assert finished.err.splitlines()[-1] == "taskward: OTEL_TRACES_EXPORTER must be otlp or none"
