"""Metrics of what lasts: the connections in use, and whether the process is ready.

They are sampled, because recording each change would slow down every statement.
"""

import asyncio

from prometheus_client import CollectorRegistry, Gauge

from ....database.database import Database
from ....live.links import CARRIERS
from ....live.signals import Signals
from ..readiness import ReadinessCheck

SAMPLE_SECONDS = 1
"""How often the pool is sampled."""
READINESS_SECONDS = 10
"""How often readiness is checked, besides the requests for it."""


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


class LiveMetrics:
    """Metrics of requests that wait for changes, and of the signals between processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(name, words, labels, registry=registry, multiprocess_mode="livesum")

        self._waiting = gauge("taskward_waiting", "Requests that wait for changes.")
        self._limit = gauge("taskward_waiting_limit", "Maximum number of waiting requests.")
        self._carriers = gauge(
            "taskward_signals", "Processes by what carries signals between them.", "carrier"
        )
        self._lost = gauge("taskward_signals_lost", "Processes whose signals are lost.")

    async def watch(self, signals: Signals) -> None:
        """Record every `SAMPLE_SECONDS` until cancelled."""
        while True:
            self._waiting.set(signals.waiters.count)
            self._limit.set(signals.waiters.limit)
            for carrier in CARRIERS:
                self._carriers.labels(carrier).set(signals.current == carrier)
            self._lost.set(signals.current != signals.chosen)
            await asyncio.sleep(SAMPLE_SECONDS)


class ReadinessMetrics:
    """The result of each readiness check. A check must pass in all processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ready = Gauge(
            "taskward_ready",
            "Whether a readiness check passes (1) or not (0).",
            ("check",),
            registry=registry,
            multiprocess_mode="livemin",
        )

    async def watch(self, readiness: ReadinessCheck) -> None:
        """Check and record every `READINESS_SECONDS` until cancelled."""
        while True:
            for check, finding in (await readiness.run()).items():
                self._ready.labels(check).set(finding.result == "ok")
            await asyncio.sleep(READINESS_SECONDS)
