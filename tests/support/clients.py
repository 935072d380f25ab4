"""HTTP clients of a user that check every response against the contract."""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from tests.support.conformance import judge
from tests.support.tokens import bearer

TIMEOUT_SECONDS = 30
"""Enough for a hundred connections at once, beside other tests."""


class Served(Protocol):
    """A server, in this process or in another one."""

    @property
    def base_url(self) -> str:
        """Its URL."""


def async_client(
    server: Served,
    user: str | None = None,
    headers: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401 - of httpx
) -> httpx.AsyncClient:
    """Return a client, with a token of `user` if there is one. httpx has the options."""
    conformance = judge()

    async def check(response: httpx.Response) -> None:
        await response.aread()
        conformance.check(response)

    settings = _settings(server, user, headers) | options
    return httpx.AsyncClient(**settings, event_hooks={"response": [check]})


def sync_client(
    server: Served,
    user: str | None = None,
    headers: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401 - of httpx
) -> httpx.Client:
    """Return the same as `async_client`, without `await`."""
    conformance = judge()

    def check(response: httpx.Response) -> None:
        response.read()
        conformance.check(response)

    settings = _settings(server, user, headers) | options
    return httpx.Client(**settings, event_hooks={"response": [check]})


def get(
    server: Served,
    target: str,
    user: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send one GET request on a new connection."""
    with sync_client(server, user, headers) as client:
        return client.get(target)


def _settings(
    server: Served, user: str | None, headers: Mapping[str, str] | None
) -> dict[str, Any]:
    signed = bearer(user) if user else {}
    return {
        "base_url": server.base_url,
        "headers": {**signed, **(headers or {})},
        "timeout": TIMEOUT_SECONDS,
    }
