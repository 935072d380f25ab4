"""The issuer's keys: fetched when they are needed, and cached."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from ..lasting_event import LastingEvent
from .clock import ClockWatch
from .errors import InvalidKeySetError, InvalidTokenError, KeysUnavailableError, Reason
from .fetch_budget import FetchBudget
from .key_sources import KeySource
from .keys import Key, KeySet, find, read_keys

logger = structlog.get_logger("app.auth")

MAX_AGE_SECONDS = 600
"""Older keys are fetched again, so that a withdrawn key is dropped."""
PAUSE_SECONDS = 30
"""Minimum time between two fetches of stale keys."""
PAUSE_WITHOUT_KEYS_SECONDS = 5


class Issuer:
    """The keys of `source`; `on_change` is called when they change.

    There is one fetch at a time, however many requests wait for it. While the issuer is unavailable
    or returns no key set, the known keys stay valid. A key that is no longer published is
    withdrawn.
    """

    def __init__(
        self, source: KeySource, clock: ClockWatch, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._source = source
        self._clock = clock
        self._on_change = on_change
        self._keys: tuple[Key, ...] = ()
        self._unavailable = LastingEvent(
            "app.auth",
            "key fetch failed",
            "keys fetched again",
            until_success=True,
            address=source.url,
        )
        self._unsupported = LastingEvent(
            "app.auth", "no supported key", "supported keys again", until_success=True
        )
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
            raise InvalidTokenError(
                Reason.UNKNOWN_KEY,
                "the issuer publishes no key, or several, for the kid and alg in its header",
            )
        return key

    async def fault(self) -> str:
        """Return why there are no keys, or "" if there are; fetch the first ones if needed."""
        if not self._keys:
            with suppress(KeysUnavailableError):
                await self._first_keys()
        if self._keys:
            return ""
        if self._document:
            return "the issuer publishes no key that Taskward supports"
        return "none could be fetched from the issuer yet"

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
            document, ahead = await self._source.fetch()
            found = read_keys(document)
        except InvalidKeySetError as error:
            self._unavailable.occurs(str(error))
            return
        self._fetched_at = time.monotonic()
        self._clock.compare(ahead)
        if document != self._document:
            self._document = document
            self._take(found)
        self._unavailable.succeeded()
        if self._keys:
            self._unsupported.succeeded()
        else:
            self._unsupported.occurs("the issuer publishes none")

    def _take(self, found: KeySet) -> None:
        if found.left_out:
            logger.warning("keys left out", keys=list(found.left_out))
        self._keys = found.keys
        self._on_change()
