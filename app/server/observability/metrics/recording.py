"""Record metrics of requests and of housekeeping.

No metric names a user, and clients cannot choose the value of a label. Each value that a label can
have is there from the start, with 0, because Prometheus cannot see the first increase otherwise.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, values

from quart_contract.operations import Operation
from quart_contract.problems import INTERNAL_ERROR, ProblemCatalogue

from ....auth.errors import Reason
from ....auth.request_state import RequestState
from ...background import Result, Work, in_background
from ...http.application import Application
from ...middleware.request_log import Recorder
from ...problems import NOT_READY
from ..health import PROBES
from . import FOLDER, slots
from .sampling import LiveMetrics, PoolMetrics, ReadinessMetrics

FILE_BYTES = 256 * 1024
"""The size of a file of metrics: more than all labels and their values together need."""

_UNKNOWN = "unknown"
_UNANSWERED = "none"
_SERVED_PAGES = 200, 304
"""The statuses of the pages beside the operations."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REVISIONS = (0, 1, 10, 100, 1_000, 10_000, 100_000)
_LABELS = "operation", "status"


class RequestMetrics:
    """Metrics of finished requests, taken from their `RequestState`.

    Health checks are counted apart: a 503 of readiness is no request that failed.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        operations: Iterable[Operation],
        catalogue: ProblemCatalogue,
    ) -> None:
        requests = Counter(
            "taskward_requests",
            "Requests by operation and status of the response, without health checks.",
            _LABELS,
            registry=registry,
        )
        probes = Counter(
            "taskward_probes",
            "Health checks by operation and status of the response.",
            _LABELS,
            registry=registry,
        )
        durations = Histogram(
            "taskward_request_duration_seconds",
            "Time from the head of a request to the end of its response, without waits for changes "
            "and health checks.",
            ("operation",),
            registry=registry,
            buckets=_SECONDS,
        )
        problems = Counter(
            "taskward_problems",
            "Responses to requests that are problems, by their code.",
            ("code",),
            registry=registry,
        )
        tokens = Counter(
            "taskward_token_lookups",
            "Tokens by whether they were verified before (hit) or not (miss).",
            ("result",),
            registry=registry,
        )
        self._lag = Histogram(
            "taskward_change_feed_lag_revisions",
            "Revisions by which a returning reader of the change feed was behind.",
            registry=registry,
            buckets=_REVISIONS,
        )
        self._ended: list[tuple[RequestState, float]] = []
        """Requests that ended in this turn of the event loop, with their durations."""
        self._requests = cache(requests.labels)
        self._probes = cache(probes.labels)
        self._durations = cache(durations.labels)
        self._problems = cache(problems.labels)
        self._rejected = _rejections(registry)
        self._tokens = {True: tokens.labels("hit"), False: tokens.labels("miss")}
        self._create_all(operations, catalogue)

    def _create_all(self, operations: Iterable[Operation], catalogue: ProblemCatalogue) -> None:
        """Create the values that exist from the start."""
        for operation, statuses in _known_statuses(operations, catalogue):
            counter = self._probes if operation in PROBES else self._requests
            for status in statuses:
                counter(operation, status)
            if operation not in PROBES:
                self._durations(operation)
        for code in catalogue.kinds.keys() - {NOT_READY}:
            self._problems(code)

    def record(self, state: RequestState, seconds: float) -> None:
        """Record a finished request and its duration in seconds.

        Requests that end in the same turn of the event loop are written together: when the code
        runs twice in a row, the second run takes a third of the time.
        """
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._ended.append((state, seconds))

    def _write_all(self) -> None:
        ended, self._ended = self._ended, []
        for state, seconds in ended:
            self._write(state, seconds)

    def _write(self, state: RequestState, seconds: float) -> None:
        operation, status = state.operation or _UNKNOWN, state.status or _UNANSWERED
        if operation in PROBES:
            self._probes(operation, status).inc()
            return
        self._requests(operation, status).inc()
        self._durations(operation).observe(seconds)
        if state.problem is not None:
            self._problems(state.problem).inc()
        for code in state.inner_problems:
            self._problems(code).inc()
        if state.token_is_known is not None:
            self._tokens[state.token_is_known].inc()
        if state.rejection is not None:
            self._rejected[state.rejection].inc()
        if state.feed_lag is not None:
            self._lag.observe(state.feed_lag)


def _known_statuses(
    operations: Iterable[Operation], catalogue: ProblemCatalogue
) -> Iterator[tuple[str, set[object]]]:
    """Yield each operation with the statuses that its responses can have."""
    failed = {_UNANSWERED, catalogue.kinds[INTERNAL_ERROR.code].status}
    for operation in operations:
        yield operation.id, failed | {int(each) for each in operation.responses if each.isdigit()}
    yield _UNKNOWN, failed | {*_SERVED_PAGES, *(each.status for each in catalogue.kinds.values())}


def _rejections(registry: CollectorRegistry) -> dict[Reason, Counter]:
    """Return the counters of rejected tokens: all series exist before the first rejection."""
    rejected = Counter(
        "taskward_tokens_rejected", "Rejected tokens by reason.", ("reason",), registry=registry
    )
    return {each: rejected.labels(each.value) for each in Reason}


class HousekeepingMetrics:
    """Metrics of the runs of housekeeping in the background."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(
            "taskward_housekeeping_runs",
            "Runs of housekeeping by their result.",
            ("work", "result"),
            registry=registry,
        )
        for work in get_args(Work):
            for result in get_args(Result):
                self._runs.labels(work, result)

    def record(self, work: Work, result: Result) -> None:
        """Count a run."""
        self._runs.labels(work, result).inc()


def recorder(app: Application, catalogue: ProblemCatalogue) -> Recorder | None:
    """Return the recorder of an app's requests, or None if metrics are disabled.

    While the app serves, its pool, readiness and housekeeping are recorded, too.
    """
    if FOLDER not in os.environ:
        return None
    registry = _registry(Path(os.environ[FOLDER]))
    in_background(app, partial(PoolMetrics(registry).watch, app.services.database))
    in_background(app, partial(LiveMetrics(registry).watch, app.services.signals))
    in_background(app, partial(ReadinessMetrics(registry).watch, app.services.readiness))
    app.record_housekeeping = HousekeepingMetrics(registry).record
    return RequestMetrics(registry, app.routes.values(), catalogue).record


def _registry(folder: Path) -> CollectorRegistry:
    """Return a registry whose metrics are stored in the files of this process's slot."""
    slot = slots.take_slot(folder)
    for kind in ("counter", "gauge_livemin", "gauge_livesum", "histogram"):
        path = folder / f"{kind}_{slot}.db"
        if not path.exists():
            # Write the whole file. The library would make a sparse one, and a write to a hole on
            # a full disk kills the process (SIGBUS).
            new = path.with_suffix(".new")
            new.write_bytes(bytes(FILE_BYTES))
            new.rename(path)
    values.ValueClass = values.MultiProcessValue(lambda: slot)
    return CollectorRegistry()
