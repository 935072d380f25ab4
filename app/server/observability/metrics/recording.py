"""Record metrics of requests, and of the database connections that they use.

No metric names a user, and clients cannot choose the value of a label.
"""

import asyncio
import os
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from quart import Quart

from ....auth.request_state import RequestState
from ....database.database import Database
from ...background import in_background
from ...middleware.request_log import Recorder
from . import FOLDER, slots

SAMPLE_SECONDS = 1
"""How often the pool is sampled. Recording each change would slow down every statement."""
FILE_BYTES = 128 * 1024
"""The size of a file of metrics: more than all operations and statuses together need."""

_UNKNOWN = "unknown"
_UNANSWERED = "none"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REVISIONS = (0, 1, 10, 100, 1_000, 10_000, 100_000)


class RequestMetrics:
    """Metrics of finished requests, taken from their `RequestState`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        requests = Counter(
            "taskward_requests",
            "Requests by operation and status of the response.",
            ("operation", "status"),
            registry=registry,
        )
        durations = Histogram(
            "taskward_request_duration_seconds",
            "Time from the head of a request to the end of its response.",
            ("operation",),
            registry=registry,
            buckets=_SECONDS,
        )
        tokens = Counter(
            "taskward_token_lookups",
            "Tokens by whether they were verified before (hit) or not (miss).",
            ("result",),
            registry=registry,
        )
        self._limited = Counter(
            "taskward_rate_limited_requests",
            "Requests that a rate limit rejected.",
            registry=registry,
        )
        self._too_many = Counter(
            "taskward_in_flight_limited_requests",
            "Requests rejected because their user had too many in flight.",
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
        self._durations = cache(durations.labels)
        self._tokens = {True: tokens.labels("hit"), False: tokens.labels("miss")}

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
        self._requests(operation, status).inc()
        self._durations(operation).observe(seconds)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            too_many = state.problem == "too_many_in_flight"
            (self._too_many if too_many else self._limited).inc()
        if state.token_is_known is not None:
            self._tokens[state.token_is_known].inc()
        if state.feed_lag is not None:
            self._lag.observe(state.feed_lag)


class PoolMetrics:
    """Metrics of the pool of users' connections and its shares, summed over all processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, words: str) -> Gauge:
            return Gauge(name, words, registry=registry, multiprocess_mode="livesum")

        self._size = gauge("taskward_pool_size", "Maximum number of database connections.")
        self._used = gauge("taskward_pool_in_use", "Database connections in use.")
        self._waiting = gauge(
            "taskward_pool_waiting", "Requests that wait for a database connection."
        )
        self._waiting_for_share = gauge(
            "taskward_share_waiting", "Requests that wait for other requests of the same user."
        )
        self._searching = gauge("taskward_searches_in_use", "Running searches.")
        self._waiting_to_search = gauge(
            "taskward_searches_waiting", "Searches that wait for other searches."
        )

    async def watch(self, database: Database) -> None:
        """Record every `SAMPLE_SECONDS` until cancelled."""
        while True:
            usage, shares = database.usage, database.share_usage
            self._size.set(usage.size)
            self._used.set(usage.in_use)
            self._waiting.set(usage.waiting)
            self._waiting_for_share.set(shares.waiting)
            self._searching.set(shares.searching)
            self._waiting_to_search.set(shares.waiting_to_search)
            await asyncio.sleep(SAMPLE_SECONDS)


def recorder(app: Quart, database: Database) -> Recorder | None:
    """Return the recorder of an app's requests, or None if metrics are disabled.

    While the app serves, its pool is recorded, too.
    """
    if FOLDER not in os.environ:
        return None
    registry = _registry(Path(os.environ[FOLDER]))
    in_background(app, partial(PoolMetrics(registry).watch, database))
    return RequestMetrics(registry).record


def _registry(folder: Path) -> CollectorRegistry:
    """Return a registry whose metrics are stored in the files of this process's slot."""
    slot = slots.take_slot(folder)
    for kind in ("counter", "gauge_livesum", "histogram"):
        path = folder / f"{kind}_{slot}.db"
        if not path.exists():
            # Write the whole file. The library would make a sparse one, and a write to a hole on
            # a full disk kills the process (SIGBUS).
            new = path.with_suffix(".new")
            new.write_bytes(bytes(FILE_BYTES))
            new.rename(path)
    values.ValueClass = values.MultiProcessValue(lambda: slot)
    return CollectorRegistry()
