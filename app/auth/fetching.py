"""Fetches documents from an issuer, within limits of time and size."""

import asyncio
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from .errors import InvalidKeySetError

FETCH_SECONDS = 5
MAX_BYTES = 256 * 1024

# The last two are faults of the proxy in `HTTPS_PROXY` or the like: an unknown scheme, or SOCKS.
_FAILURES = httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError
_GZIP = 16 + zlib.MAX_WBITS


class Fetched(NamedTuple):
    """A document, and by how many seconds the issuer's clock is ahead of this one, if known."""

    document: bytes
    ahead: float | None


async def fetch(url: str) -> Fetched:
    """Fetch a document, within `FETCH_SECONDS` and `MAX_BYTES`. Redirects are not followed.

    Raises `InvalidKeySetError` if that fails.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await _get(url)
    except TimeoutError:
        raise InvalidKeySetError(f"took more than {FETCH_SECONDS} seconds") from None
    except _FAILURES as error:
        raise InvalidKeySetError(repr(error)) from None


async def _get(url: str) -> Fetched:
    # Some servers compress anyway. This asks them not to.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        httpx.AsyncClient(headers=headers) as client,
        client.stream("GET", url) as response,
    ):
        if response.has_redirect_location:
            raise InvalidKeySetError(
                f"status {response.status_code}, a redirect, which Taskward does not follow"
            )
        if response.status_code != httpx.codes.OK:
            raise InvalidKeySetError(f"status {response.status_code}")
        ahead = _seconds_ahead(response.headers)
        document = b""
        async for part in response.aiter_raw():
            document += part
            if len(document) > MAX_BYTES:
                raise InvalidKeySetError(f"more than {MAX_BYTES} bytes")
        return Fetched(_decoded(document, response.headers.get("Content-Encoding", "")), ahead)


def _decoded(document: bytes, encoding: str) -> bytes:
    """Return the document without its content encoding, which must be gzip if there is one."""
    names = [each.strip().lower() for each in encoding.split(",")]
    match [each for each in names if each not in {"", "identity"}]:
        case []:
            return document
        case ["gzip" | "x-gzip"]:
            return _inflated(document)
    raise InvalidKeySetError("it has a content encoding other than gzip")


def _inflated(document: bytes) -> bytes:
    decompressor = zlib.decompressobj(_GZIP)
    try:
        inflated = decompressor.decompress(document, MAX_BYTES + 1)
    except zlib.error:
        raise InvalidKeySetError("it is not valid gzip") from None
    if len(inflated) > MAX_BYTES:
        raise InvalidKeySetError(f"more than {MAX_BYTES} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise InvalidKeySetError("it is not valid gzip")
    return inflated


def _seconds_ahead(headers: httpx.Headers) -> float | None:
    """Return the difference of the clocks; None if the issuer does not state its time.

    A cache may have kept the response for `Age` seconds, with the `Date` of then or of now.
    """
    try:
        stated = parsedate_to_datetime(headers["Date"]).timestamp()
        age = max(int(headers.get("Age", "0")), 0)
    except (KeyError, ValueError, OverflowError):
        return None
    now = time.time()
    return max(stated - now, 0) + min(stated + age + 1 - now, 0)
