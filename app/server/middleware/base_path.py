"""Serve the API under the path at which a proxy mounts it."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

_CONVERTER = re.compile(r"<[^>]*>")
_AUTHORITY = "((?:(?i:https?)://[^/]*)?)"
"""The beginning of a target that is a whole URL (RFC 9112, section 3.2.2), or nothing."""


class BasePathMiddleware:
    """ASGI middleware that removes the base path from the paths of requests.

    Some proxies remove it before, and health checks come without it. So the path is taken as it is
    if it is a path of the app and would be none without the base path: with `/api` as base path,
    `/api/tasks` can come from a proxy that has removed `/api`.

    `routes` are the routes of the app, in the syntax of Werkzeug.
    """

    def __init__(self, app: ASGIFramework, base_path: str, routes: Iterable[str]) -> None:
        self._app = app
        self._base_path = base_path
        spelled = (f"(?:{re.escape(each)}|%(?i:{ord(each):02x}))" for each in base_path)
        self._prefix = re.compile(rf"{_AUTHORITY}{''.join(spelled)}(?=/|\Z)".encode())
        self._routes = re.compile(
            "|".join(
                "[^/]+".join(map(re.escape, _CONVERTER.split(each))) for each in routes
            ).encode()
        )

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            scope["root_path"] = self._base_path
            scope["raw_path"] = self._without_base_path(scope["raw_path"])
            # That of a whole URL changes later, when the URL is checked.
            scope["path"] = unquote(scope["raw_path"].decode("ascii"))
        await self._app(scope, receive, send)

    def _without_base_path(self, target: bytes) -> bytes:
        found = self._prefix.match(target)
        if found is None:
            return target
        rest = target[found.end() :]
        if self.is_route(rest or b"/") or not self.is_route(self._base_path.encode() + rest):
            return found[1] + (rest or b"/")
        return target

    def is_route(self, path: bytes) -> bool:
        """Return whether the app has a path, with any method."""
        return self._routes.fullmatch(path) is not None
