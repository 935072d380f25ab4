"""Serve the API under the path at which a proxy mounts it."""

import re
from collections.abc import Iterable

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

_CONVERTER = re.compile(r"<[^>]*>")


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
        self._prefix = base_path.encode()
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
            if self._has_base_path(scope["raw_path"]):
                scope["raw_path"] = scope["raw_path"][len(self._prefix) :] or b"/"
                scope["path"] = scope["path"][len(self._base_path) :] or "/"
        await self._app(scope, receive, send)

    def _has_base_path(self, path: bytes) -> bool:
        if path != self._prefix and not path.startswith(self._prefix + b"/"):
            return False
        rest = path[len(self._prefix) :] or b"/"
        return self.is_route(rest) or not self.is_route(path)

    def is_route(self, path: bytes) -> bool:
        """Return whether the app has a path, with any method."""
        return self._routes.fullmatch(path) is not None
