"""Reject requests that Hypercorn accepts and Quart cannot handle, before Quart sees them.

The guard does not send the error response. It passes a harmless request and the problem to the
app instead, so that the app renders all errors and adds their CORS headers.
"""

import re
from collections.abc import Mapping
from itertools import chain
from urllib.parse import unquote_to_bytes

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    Scope,
)

from quart_contract.problems import Problem

from ...auth.request_state import STATE, RequestState
from ..problems import (
    HEADER_FIELDS_TOO_LARGE,
    MALFORMED_REQUEST,
    PATH_NOT_FOUND,
    URI_TOO_LONG,
)
from .client_address import client_address

MAX_TARGET_BYTES = 8 * 1024
MAX_HEADER_BYTES = 24 * 1024
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:[0-9]*)?")
_ABSOLUTE_FORM = re.compile(rb"https?://(?!:)([^/]+)(/.*)?", re.IGNORECASE)
_CLOSE = {"Connection": "close"}


class RequestGuardMiddleware:
    """ASGI middleware that stores a problem as `refusal` in the `RequestState`.

    The application then raises that problem.
    """

    def __init__(self, app: ASGIFramework, trusted_hops: int) -> None:
        self._app = app
        self._trusted_hops = trusted_hops

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            state: RequestState = scope["state"][STATE]
            state.client_address = client_address(scope, self._trusted_hops)
            try:
                scope["path"] = check(scope, state.fields)
            except Problem as problem:
                state.refusal = problem
                scope["path"] = "/"
                scope["query_string"] = b""
        await self._app(scope, receive, send)


def check(scope: HTTPScope, fields: Mapping[bytes, bytes]) -> str:
    """Return the decoded path of a request. Raises `Problem` for a request to reject."""
    _check_framing(scope["http_version"], fields)
    headers = list(scope["headers"])
    if sum(map(len, chain.from_iterable(headers))) + 4 * len(headers) > MAX_HEADER_BYTES:
        detail = f"The header section is larger than {MAX_HEADER_BYTES} bytes."
        raise Problem(HEADER_FIELDS_TOO_LARGE, detail)
    path = _path(scope["raw_path"], scope["query_string"])
    # `OPTIONS *` concerns the whole server (RFC 9110, section 9.3.7).
    return "/" if path == "*" and scope["method"] == "OPTIONS" else path


def _check_framing(version: str, headers: Mapping[bytes, bytes]) -> None:
    if b"content-length" in headers and b"transfer-encoding" in headers:
        # Proxies disagree on which of the two counts. Attackers use that to smuggle requests.
        raise _malformed("Send `Content-Length` or `Transfer-Encoding`, not both.")
    if version not in ("1.0", "1.1"):
        raise _malformed("Use HTTP/1.1 or HTTP/1.0.")
    if version == "1.0" and b"transfer-encoding" in headers:
        raise _malformed("HTTP/1.0 does not allow `Transfer-Encoding`.")
    if not _HOST.fullmatch(headers.get(b"host", b"")):
        raise _malformed("The `Host` header is invalid.")


def _path(raw_path: bytes, query: bytes) -> str:
    if len(raw_path) + len(query) > MAX_TARGET_BYTES:
        detail = f"The request target is longer than {MAX_TARGET_BYTES} bytes."
        raise Problem(URI_TOO_LONG, detail)
    if raw_path.lower().startswith((b"http://", b"https://")):
        raw_path = _path_of_absolute_form(raw_path)
    if raw_path.startswith(b"//") or b"%2f" in raw_path.lower():
        # The router and a proxy in front of it would read these as different paths.
        raise Problem(PATH_NOT_FOUND, "This path does not exist.")
    if not raw_path.startswith(b"/") and raw_path != b"*":
        raise _malformed("The request target must begin with a slash.")
    if b"%" not in raw_path + query:
        return raw_path.decode("ascii")
    try:
        unquote_to_bytes(query).decode()
        return unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        raise _malformed("The request target is not percent-encoded UTF-8.") from None


def _path_of_absolute_form(target: bytes) -> bytes:
    form = _ABSOLUTE_FORM.fullmatch(target)
    if form is None or not _HOST.fullmatch(form[1]):
        raise _malformed("The request target is not a valid URL.")
    return form[2] or b"/"


def _malformed(detail: str) -> Problem:
    return Problem(MALFORMED_REQUEST, detail, headers=_CLOSE)
