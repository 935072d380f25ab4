"""A later version of the service: it adds a property to every object that it defines."""

import json
from typing import Any

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

ADDED = {"added_later": {"by": ["a", "later", "version", 1, None]}}


def with_more(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value in which each object has another property, except in a client's own data."""
    if isinstance(value, list):
        return [with_more(each) for each in value]
    if isinstance(value, dict):
        return {
            name: each if name == "extra" else with_more(each) for name, each in value.items()
        } | ADDED
    return value


class LaterVersion:
    """ASGI middleware that adds properties to JSON responses."""

    def __init__(self, app: ASGIFramework) -> None:
        self._app = app

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one request."""
        held: list[Any] = []

        async def hold(event: Any) -> None:  # noqa: ANN401 - an event of ASGI
            if not event["type"].startswith("http.response."):
                await send(event)
                return
            held.append(event)
            if event["type"] == "http.response.body" and not event.get("more_body", False):
                for each in _changed(held):
                    await send(each)

        await self._app(scope, receive, hold)


def _changed(events: list[Any]) -> list[Any]:
    start, *bodies = events
    body = b"".join(each.get("body", b"") for each in bodies)
    headers = dict(start["headers"])
    if not body or not headers.get(b"content-type", b"").endswith(b"json"):
        return events
    body = json.dumps(with_more(json.loads(body))).encode()
    kept = [each for each in start["headers"] if each[0].lower() != b"content-length"]
    length = (b"content-length", str(len(body)).encode())
    return [
        {**start, "headers": [*kept, length]},
        {"type": "http.response.body", "body": body, "more_body": False},
    ]
