"""Refuses requests that Hypercorn lets pass and Quart cannot take, before Quart sees them.

What is refused is not answered here: the app is given a harmless request in its place and the
problem to answer with, so that errors are rendered, and get their CORS headers, in one place.
"""

from urllib.parse import unquote_to_bytes, urlsplit

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    Scope,
)
from quart import Quart, request

from app.contract.problems import Problem

MAX_TARGET_BYTES = 8 * 1024
MAX_HEADER_BYTES = 16 * 1024
_CLOSE = {"Connection": "close"}


class Guard:
    """ASGI middleware; pairs with `raise_refusals`."""

    def __init__(self, app: ASGIFramework) -> None:
        self._app = app

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one connection of the ASGI protocol."""
        if scope["type"] == "http":
            try:
                scope["path"] = check(scope)
            except Problem as problem:
                scope["state"]["refusal"] = problem
                scope["path"] = "/"
                scope["query_string"] = b""
        await self._app(scope, receive, send)


def raise_refusals(app: Quart) -> None:
    """Let the app answer with the problem that the guard found."""

    @app.before_request
    async def raise_refusal() -> None:
        if problem := request.scope["state"].get("refusal"):
            raise problem


def check(scope: HTTPScope) -> str:
    """Answer the decoded path of a request. Raises `Problem` for one that must not go on."""
    names = [name for name, _ in scope["headers"]]
    if b"content-length" in names and b"transfer-encoding" in names:
        # Proxies disagree on which of the two counts, which is how requests are smuggled.
        raise _malformed("Content-Length and Transfer-Encoding must not both be sent.")
    if scope["http_version"] not in ("1.0", "1.1"):
        raise _malformed("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        detail = f"The header section is larger than {MAX_HEADER_BYTES} bytes."
        raise Problem("header_fields_too_large", detail)
    return _path(scope["raw_path"], scope["query_string"])


def _path(raw_path: bytes, query: bytes) -> str:
    if len(raw_path) + len(query) > MAX_TARGET_BYTES:
        detail = f"The request target is longer than {MAX_TARGET_BYTES} bytes."
        raise Problem("uri_too_long", detail)
    if raw_path.lower().startswith((b"http://", b"https://")):
        raw_path = _path_of_absolute_form(raw_path)
    if raw_path.startswith(b"//"):
        # The router takes any number of slashes at the start for one.
        raise Problem("path_not_found", "Nothing lives at a path of two slashes.")
    if not raw_path.startswith(b"/") and raw_path != b"*":
        raise _malformed("The request target must begin with a slash.")
    try:
        unquote_to_bytes(query.replace(b"+", b" ")).decode()
        return unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        raise _malformed("The request target is not percent-encoded UTF-8.") from None


def _path_of_absolute_form(target: bytes) -> bytes:
    try:
        return urlsplit(target).path or b"/"
    except ValueError:
        raise _malformed("The request target is not a URL.") from None


def _malformed(detail: str) -> Problem:
    return Problem("malformed_request", detail, headers=_CLOSE)
