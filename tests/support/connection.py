"""A client on one connection that adds no headers of its own, for responses that are compared."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.support.clients import Served


class Received(NamedTuple):
    """A response as it was received, with names of headers in lower case."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the parsed body, or None if there is none."""
        return json.loads(self.content) if self.content else None


class Connection:
    """A connection to a server that is kept alive, and opened again after an error."""

    def __init__(self, server: Served, address: str = "127.0.0.1", timeout: float = 10) -> None:
        host = urlsplit(server.base_url).netloc
        self._connection = HTTPConnection(host, timeout=timeout, source_address=(address, 0))

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Any = None,  # noqa: ANN401 - any JSON
    ) -> Received:
        """Send a request, without a body if it is None. Raises `ConnectionError` if it is lost."""
        raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        try:
            self._connection.request(method, target, raw, {**headers, **kind})
            response = self._connection.getresponse()
            received = [(name.lower(), value) for name, value in response.getheaders()]
            return Received(response.status, received, response.read())
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise ConnectionError(type(error).__name__) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
