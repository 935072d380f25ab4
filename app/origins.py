"""Origins of pages, exactly as browsers send them in `Origin` (RFC 6454, section 6.2)."""

import re

from pydantic import AnyUrl, TypeAdapter, ValidationError

LOCAL = re.compile(
    r"[a-z][a-z0-9+.-]*://(localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?\Z"
)
"""Matches the origins of pages that this machine serves, and of apps that are installed on it."""

_ORIGIN = re.compile(r"file://|[a-z][a-z0-9+.-]*://([\w.-]+|\[[0-9a-f:]+\])(:[0-9]+)?", re.ASCII)
_URL = TypeAdapter(AnyUrl)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_WITHOUT_PAGES = {"about", "blob", "data", "ftp", "javascript", "ws", "wss"}
"""Schemes of URLs whose pages have no origin, or that have no pages."""


def check_origin(text: str) -> str:
    """Return a text that is an origin. Raises `ValueError`, which says what to write instead."""
    if not text:
        raise ValueError("an origin is empty. Remove the comma beside it.")
    if text == "null":
        raise ValueError(
            "'null' is the origin of every local file and sandboxed page. Serve your front end "
            "from an address, and write its origin."
        )
    if "*" in text:
        raise ValueError(f"{text!r} has a wildcard. Write each origin, separated by commas.")
    origin = _origin_of(text)
    if origin is None:
        raise ValueError(
            f"{text!r} is not an origin. Write origins such as https://app.example.com or "
            "capacitor://localhost, separated by commas."
        )
    if origin != text:
        raise ValueError(f"{text!r} is not exactly an origin. Write {origin!r}.")
    return text


def _origin_of(text: str) -> str | None:
    """Return the origin that a browser sends for the pages of a URL, or None if there is none.

    A URL without a scheme is read as one of the web.
    """
    if not re.match(r"[A-Za-z][\w+.-]*:/", text):
        text = f"{'http' if LOCAL.match(f'x://{text}') else 'https'}://{text}"
    try:
        url = _URL.validate_python(text)
    except ValidationError:
        return None
    port = "" if url.port in (None, _DEFAULT_PORTS.get(url.scheme)) else f":{url.port}"
    origin = f"{url.scheme}://{url.host or ''}{port}"
    if url.scheme in _WITHOUT_PAGES or not _ORIGIN.fullmatch(origin):
        return None
    return origin
