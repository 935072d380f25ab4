"""A client on one connection that adds no headers, and responses that can be compared."""

import json
from base64 import urlsafe_b64decode
from typing import Any, NamedTuple, TypeAlias

from tests.support.clients import Served
from tests.support.connection import Connection
from tests.support.tokens import token_for

Json: TypeAlias = Any
"""A parsed body, of any JSON type."""

VARYING = frozenset({"date", "x-request-id", "ratelimit", "ratelimit-policy"})
"""The headers, in lower case, in which otherwise equal responses may differ."""


class Response(NamedTuple):
    """A response without what varies; two with the same content are equal.

    `headers` are in the order of the response, with names in lower case. `body` is parsed, without
    its `request_id`; it is None if there was none.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Json

    def header(self, name: str) -> str | None:
        """Return the value of a header, by its name in lower case."""
        return dict(self.headers).get(name)

    def without(self, *names: str) -> "Response":
        """Return the same without some headers, and without members of the body of these names."""
        headers = tuple(each for each in self.headers if each[0] not in names)
        return Response(self.status, headers, stripped(self.body, names))


def stripped(body: Json, names: tuple[str, ...]) -> Json:
    """Return a body without members of these names, at any depth."""
    if isinstance(body, list):
        return [stripped(each, names) for each in body]
    if isinstance(body, dict):
        return {name: stripped(each, names) for name, each in body.items() if name not in names}
    return body


def problems_in(body: Json) -> list[dict[str, Json]]:
    """Return the problems in a body: the body itself, or those of operations of a batch."""
    if not isinstance(body, dict):
        return []
    inner = [each["problem"] for each in body.get("results", []) if "problem" in each]
    return [body] if "request_id" in body else inner


MOST_REQUESTS = 900
"""Requests on one connection. The thousandth response has `Connection: close`, as no other has."""


class RawClient:
    """A connection to the server that is kept alive."""

    def __init__(self, server: Served) -> None:
        self._connection = Connection(server)
        self._requests = 0

    def request(
        self,
        method: str,
        target: str,
        authorization: str | None,
        body: Json = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a request, without a body if it is None; return the response."""
        self._requests += 1
        if self._requests % MOST_REQUESTS == 0:
            self._connection.close()
        sent = dict(headers or {})
        if authorization is not None:
            sent["Authorization"] = authorization
        response = self._connection.ask(method, target, sent, body)
        parsed = response.body
        for each in problems_in(parsed):
            assert each.pop("request_id") == dict(response.headers)["x-request-id"]
        told = tuple(each for each in response.headers if each[0] not in VARYING)
        return Response(response.status, told, parsed)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def bearer(user: str, **changes: Any) -> str:  # noqa: ANN401 - claims
    """Return the `Authorization` of a user; claims change as in `token_for`."""
    return f"Bearer {token_for(user, **changes)}"


def user_of(authorization: str | None) -> str:
    """Return the user of a value that `bearer` returned."""
    if authorization is None:
        return "nobody"
    payload = authorization.split(".")[1]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims.get("user_id", claims.get("sub")))
