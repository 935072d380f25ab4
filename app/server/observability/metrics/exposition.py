"""All metrics of this service: of its requests, its processes and its workers."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from ....openapi import read
from ...workers.tally import WorkerTally
from .endpoint import serve_registry
from .processes import process_metrics
from .slots import lock_folder, slots_in


@contextmanager
def serve(bind: str, folder: str, workers: WorkerTally) -> Iterator[None]:
    """Serve the metrics in `folder` and those of the workers at `bind` (HOST:PORT).

    Raises `BindError` if the address is in use or invalid.
    """
    registry = CollectorRegistry()
    registry.register(ServiceCollector(folder, workers))
    with serve_registry(bind, registry), lock_folder(Path(folder)):
        yield


class ServiceCollector(Collector):
    """Collects the metrics that the processes have stored in the folder, and those of themselves.

    Counters and histograms of processes that have exited are included, their gauges are not.
    """

    def __init__(self, folder: str, workers: WorkerTally) -> None:
        self._folder = folder
        self._workers = workers
        self._files = MultiProcessCollector(None, folder)
        of_build = {"version": read().version, "python": platform.python_version()}
        self._build = InfoMetricFamily("taskward_build", "The running version.", of_build)

    def collect(self) -> Iterator[Metric]:
        """Read all files again, and yield the metrics."""
        slots = []
        for slot in slots_in(Path(self._folder)):
            slots.append(slot)
            if slot.process is None:
                mark_process_dead(slot.number, self._folder)
        yield from self._files.collect()
        yield from process_metrics(slots)
        yield from _worker_metrics(self._workers)
        yield self._build


def _worker_metrics(workers: WorkerTally) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "taskward_workers_configured",
        "Processes that serve requests if all is well.",
        workers.configured,
    )
    yield GaugeMetricFamily(
        "taskward_workers_running", "Processes that serve requests.", workers.running()
    )
    yield CounterMetricFamily(
        "taskward_worker_restarts", "Workers that exited and were replaced.", workers.restarts
    )
    reloads = CounterMetricFamily(
        "taskward_reloads", "Rolling restarts by their result.", labels=["result"]
    )
    for result, count in workers.reloads.items():
        reloads.add_metric([result], count)
    yield reloads
