"""The issuer's keys: fetched from its JWKS URL when they are needed, and cached."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import structlog

from .errors import InvalidKeySetError, InvalidTokenError, KeysUnavailableError
from .fetch_budget import FetchBudget
from .keys import Key, find, read_keys

logger = structlog.get_logger("app.auth")

FETCH_SECONDS = 5
MAX_BYTES = 256 * 1024
MAX_AGE_SECONDS = 600
"""Older keys are fetched again, so that a withdrawn key is dropped."""
PAUSE_SECONDS = 30
"""Minimum time between two fetches of stale keys."""
PAUSE_WITHOUT_KEYS_SECONDS = 5


class Issuer:
    """The keys that are published at `url`; `on_change` is called when they change.

    There is one fetch at a time, however many requests wait for it. While the issuer is unavailable
    or returns no key set, the known keys stay valid. A key that is no longer published is
    withdrawn.
    """

    def __init__(self, url: str, on_change: Callable[[], None] = lambda: None) -> None:
        self._url = url
        self._on_change = on_change
        self._keys: tuple[Key, ...] = ()
        # The key set that `_keys` were read from.
        self._document = b""
        # When the last fetch succeeded, and when the last one started.
        self._fetched_at = self._tried_at = float("-inf")
        self._budget = FetchBudget()
        # The last fetch, running or done; None before the first one.
        self._fetch: asyncio.Task[None] | None = None

    async def key(self, id_: str | None, algorithm: str, address: str = "") -> Key:
        """Return the key for a token's `kid` and algorithm, for a client at `address`.

        Raises `InvalidTokenError` for an unknown key, and `KeysUnavailableError` if there are no
        keys.
        """
        if not self._keys:
            await self._first_keys()
        key = find(self._keys, id_, algorithm)
        if key is None and self._is_fetching():
            await self._wait_for_fetch()
            key = find(self._keys, id_, algorithm)
        if key is None:
            key = await self._newer_key(id_, algorithm, address)
        if key is None:
            raise InvalidTokenError("the issuer has no matching key")
        return key

    async def has_keys(self) -> bool:
        """Return whether keys are known; fetch the first ones if needed."""
        if not self._keys:
            with suppress(KeysUnavailableError):
                await self._first_keys()
        return bool(self._keys)

    def renew(self) -> None:
        """Start a fetch if the keys are stale; the known ones stay valid until it ends."""
        now = time.monotonic()
        old = now - self._fetched_at > MAX_AGE_SECONDS
        if self._keys and old and now - self._tried_at >= PAUSE_SECONDS:
            self._start_fetch()

    async def close(self) -> None:
        """Cancel a running fetch."""
        if self._fetch is not None:
            self._fetch.cancel()

    async def _first_keys(self) -> None:
        if time.monotonic() - self._tried_at >= PAUSE_WITHOUT_KEYS_SECONDS:
            self._start_fetch()
        await self._wait_for_fetch()
        if not self._keys:
            raise KeysUnavailableError

    async def _newer_key(self, id_: str | None, algorithm: str, address: str) -> Key | None:
        # A fetch that is running now started after this request arrived.
        if not self._is_fetching() and not self._budget.take(address):
            return None
        self._start_fetch()
        await self._wait_for_fetch()
        key = find(self._keys, id_, algorithm)
        if key is not None:
            self._budget.forget(address)
        return key

    def _is_fetching(self) -> bool:
        return self._fetch is not None and not self._fetch.done()

    def _start_fetch(self) -> None:
        if not self._is_fetching():
            self._tried_at = time.monotonic()
            self._fetch = asyncio.create_task(self._replace_keys())

    async def _wait_for_fetch(self) -> None:
        if self._fetch is not None:
            # A cancelled request must not cancel the fetch that others wait for.
            await asyncio.shield(self._fetch)

    async def _replace_keys(self) -> None:
        try:
            document = await fetch(self._url)
            keys = read_keys(document)
        except InvalidKeySetError as error:
            logger.warning("key fetch failed", reason=str(error))
            return
        self._fetched_at = time.monotonic()
        if document != self._document:
            self._keys, self._document = keys, document
            self._on_change()


async def fetch(url: str) -> bytes:
    """Fetch a JWK Set, within `FETCH_SECONDS` and `MAX_BYTES`.

    Raises `InvalidKeySetError` if that fails.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await _get(url)
    except TimeoutError:
        raise InvalidKeySetError(f"took more than {FETCH_SECONDS} seconds") from None
    except (httpx.HTTPError, OSError) as error:
        raise InvalidKeySetError(repr(error)) from None


async def _get(url: str) -> bytes:
    # Identity, so that the limit counts the document itself, not a few compressed bytes.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        httpx.AsyncClient(headers=headers) as client,
        client.stream("GET", url) as response,
    ):
        if response.status_code != httpx.codes.OK or "Content-Encoding" in response.headers:
            raise InvalidKeySetError(f"status {response.status_code}, or an encoded response")
        document = b""
        async for part in response.aiter_raw():
            document += part
            if len(document) > MAX_BYTES:
                raise InvalidKeySetError(f"more than {MAX_BYTES} bytes")
        return document
