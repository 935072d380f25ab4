"""The endpoint that Prometheus scrapes, with the metrics of all processes of this service."""

import platform
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingTCPServer
from threading import Thread

import structlog
from prometheus_client import CollectorRegistry, MetricsHandler
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.openapi import read
from app.server.http.listener import BindError
from app.server.observability.metrics.places import abandoned, kept

CLIENT_SECONDS = 5
"""How long a client may take to send its request, and to read the response."""
MAX_CONNECTIONS = 32
"""The most connections to this endpoint.

Each one takes a thread and a file descriptor, which requests of the API need, too.
"""
POLL_SECONDS = 0.1
"""How often the server thread checks whether it must stop."""

logger = structlog.get_logger("app.metrics")


@contextmanager
def serve(bind: str, folder: str) -> Iterator[None]:
    """Serve the metrics in `folder` at `bind` (HOST:PORT), in separate threads.

    Raises `BindError` if the address is in use or invalid.
    """
    registry = CollectorRegistry()
    registry.register(Recorded(folder))
    try:
        server = Server(bind, registry)
    except (OSError, UnicodeError) as error:  # UnicodeError: an impossible host name
        raise BindError(bind, error, "METRICS_BIND") from None
    thread = Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        with kept(Path(folder)):
            yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Recorded(Collector):
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
        for place in abandoned(Path(self._folder)):
            mark_process_dead(place, self._folder)
        yield from self._files.collect()
        yield self._build


class Handler(MetricsHandler):
    """Serves the metrics on every path."""

    timeout = CLIENT_SECONDS
    server: "Server"

    @property
    def registry(self) -> CollectorRegistry:  # type: ignore[override]  # a class attribute there
        """The registry of the server: an override, so that it need not be global."""
        return self.server.registry


class Server(ThreadingTCPServer):
    """A server with one thread for each connection, up to `MAX_CONNECTIONS`.

    Prometheus opens one connection for each scrape.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, bind: str, registry: CollectorRegistry) -> None:
        host, _, port = bind.rpartition(":")
        self.registry = registry
        self.address_family, *_, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._open: set[object] = set()
        """The sockets of the open connections."""
        super().__init__(address, Handler)  # type: ignore[arg-type]  # any address of getaddrinfo

    def verify_request(self, request: object, _: object) -> bool:
        """Return whether there is room for another connection. If not, it is closed at once."""
        if len(self._open) >= MAX_CONNECTIONS:
            return False
        self._open.add(request)
        return True

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close a connection, and free its place."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """Log that a client disconnected, or that the metrics could not be read.

        This overrides the standard library, which prints a traceback.
        """
        logger.warning("metrics response failed", reason=repr(sys.exception()))
