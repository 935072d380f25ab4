"""An HTTP server that publishes any key set that a test wants."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.keys import jwk_set


class KeyServer:
    """The response can be changed at any time. `requests` counts the requests."""

    def __init__(self) -> None:
        self.document = jwk_set()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.seconds = 0.0
        self.seconds_ahead = 0.0
        """How many seconds the time that it states is ahead."""
        self.documents: dict[str, bytes] = {}
        """Documents at other paths, or in the place of `document`."""
        self.redirects: dict[str, str] = {}
        self.requests = 0
        self.paths: list[str] = []
        """The paths of all requests."""
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The URL of the keys. It stays the same after a restart."""
        return f"http://127.0.0.1:{self._port}/jwks"

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,)).start()

    def serve_discovery(self, issuer: str, named: str = "", jwks_uri: str = "") -> None:
        """Serve the discovery document of an issuer here. It can name another one, and any keys."""
        path = urlsplit(issuer).path.removesuffix("/") + "/.well-known/openid-configuration"
        document = {"issuer": named or issuer, "jwks_uri": jwks_uri or self.url}
        self.documents[path] = json.dumps(document).encode()

    def stop(self) -> None:
        """Refuse connections, like an issuer that is down."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.requests += 1
                publisher.paths.append(self.path)
                is_discovery = "/.well-known/" in self.path and self.path not in publisher.documents
                document = publisher.documents.get(self.path, publisher.document)
                time.sleep(publisher.seconds)
                if self.path in publisher.redirects:
                    self.send_response(302)
                    self.send_header("Location", publisher.redirects[self.path])
                else:
                    self.send_response(404 if is_discovery else publisher.status)
                for name, value in publisher.headers.items():
                    self.send_header(name, value)
                with suppress(ConnectionError):  # the client may have disconnected
                    self.end_headers()
                    self.wfile.write(document)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(timestamp or time.time() + publisher.seconds_ahead)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Run a server that publishes the keys of the first generation."""
    server = KeyServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
