"""The endpoint that Prometheus scrapes, with the metrics of all processes of this service."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from ....openapi import read
from ...http.listener import BindError
from .slots import abandoned_slots, lock_folder


@contextmanager
def serve(bind: str, folder: str) -> Iterator[None]:
    """Serve the metrics in `folder` at `bind` (HOST:PORT), in separate threads.

    Raises `BindError` if the address is in use or invalid.
    """
    registry = CollectorRegistry()
    registry.register(FolderCollector(folder))
    host, _, port = bind.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, ValueError) as error:  # ValueError: an impossible host name, or fd://
        raise BindError(bind, error, "METRICS_BIND") from None
    try:
        with lock_folder(Path(folder)):
            yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FolderCollector(Collector):
    """Collects the metrics in the folder.

    Counters and histograms of processes that have exited are included, their gauges are not.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = MultiProcessCollector(None, folder)
        of_build = {"version": read().version, "python": platform.python_version()}
        self._build = InfoMetricFamily("taskward_build", "The running version.", of_build)

    def collect(self) -> Iterator[Metric]:
        """Read all files again, and yield the metrics."""
        for slot in abandoned_slots(Path(self._folder)):
            mark_process_dead(slot, self._folder)
        yield from self._files.collect()
        yield self._build
