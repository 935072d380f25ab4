"""The HTTP server that Prometheus scrapes: one thread for each connection."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread

import structlog
from prometheus_client import CollectorRegistry, MetricsHandler

from ...http.listener import BindError

CONNECTION_SECONDS = 30
"""How long a connection may be silent. Then it is closed."""

logger = structlog.get_logger("app.metrics")


@contextmanager
def serve_registry(bind: str, registry: CollectorRegistry) -> Iterator[None]:
    """Serve a registry at `bind` (HOST:PORT), in separate threads.

    Raises `BindError` if the address is in use or invalid.
    """
    host, _, port = bind.rpartition(":")
    try:
        address = host.strip("[]"), int(port)
        server = _server_class(*address)(address, _Handler.factory(registry))
    except (OSError, ValueError) as error:  # ValueError: an impossible host name, or fd://
        raise BindError(bind, error, "METRICS_BIND") from None
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(MetricsHandler):
    timeout = CONNECTION_SECONDS


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Bind the socket.

        This overrides `HTTPServer.server_bind`, which asks DNS for the name of the host. Nothing
        uses that name, and a slow DNS would delay the start.
        """
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Log a request that failed; ignore clients that have disconnected.

        This overrides `BaseServer.handle_error`, which prints a traceback to standard error.
        """
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("scrape failed", reason=repr(error))


def _server_class(host: str, port: int) -> type[_Server]:
    family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return type("MetricsServer", (_Server,), {"address_family": family})
