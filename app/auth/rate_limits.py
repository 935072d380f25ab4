"""Rate limits on a user's requests, and on the invalid tokens from a client's address."""

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cachetools import LRUCache
from limits import RateLimitItem
from limits.errors import StorageError

from ..lasting_event import LastingEvent
from .errors import InvalidTokenError, RateLimitedError

if TYPE_CHECKING:
    from .redis_counters import RedisCounters

MAX_COUNTERS = 100_000
REDIS_PAUSE_SECONDS = 5


class Allowance(NamedTuple):
    """How many of `limit` requests were used, and when the window ends."""

    limit: int
    window_seconds: int
    used: int
    resets_in_seconds: int

    @property
    def remaining(self) -> int:
        """Return how many more requests are allowed."""
        return max(self.limit - self.used, 0)

    def raise_if_exceeded(self) -> None:
        """Raise `RateLimitedError` if more requests came than are allowed."""
        if self.used > self.limit:
            raise RateLimitedError(self.resets_in_seconds)


class Counters(Protocol):
    """The interface of a counter storage: a part of that of the library's storages."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter and return its value; a new counter expires in `expiry` seconds."""

    async def seconds_left(self, key: str) -> float:
        """Return the seconds until a counter expires."""


class RateLimiter:
    """Counts in windows that begin with the first request. All counting is atomic.

    Processes share their counters in the Redis at `redis_url`; while it is down, each counts in
    memory. In memory, users and addresses have separate counters, so that however many there are of
    one kind, no counter of the other kind is evicted.
    """

    def __init__(self, limit: RateLimitItem, redis_url: str | None = None) -> None:
        self._amount = limit.amount
        self._window = limit.get_expiry()
        self._name = limit.key_for()
        self._memory = {"user": MemoryCounters(), "address": MemoryCounters()}
        self._redis = _shared_counters(redis_url) if redis_url else None
        # Until this moment, after an error of Redis, counting is in memory.
        self._redis_from = float("-inf")
        self._outage = LastingEvent(
            "app.auth",
            "rate limit storage unavailable",
            "rate limit storage available again",
            until_success=True,
        )

    async def take(self, user_id: str) -> Allowance:
        """Count a request of a user; return the user's allowance."""
        return await self._add(1, "user", user_id)

    @asynccontextmanager
    async def attempt(self, address: str) -> AsyncIterator[None]:
        """Count an attempt to verify a token for a client's address, unless the attempt succeeds.

        Raises `RateLimitedError` if too many tokens from that address were invalid. An attempt is
        counted before it runs, so that simultaneous attempts do not pass the limit.
        """
        (await self._add(1, "address", address)).raise_if_exceeded()
        try:
            yield
        except InvalidTokenError:
            raise
        except BaseException:
            await self._add(-1, "address", address)
            raise
        await self._add(-1, "address", address)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis is not None:
            await self._redis.close()

    async def _add(self, amount: int, kind: str, name: str) -> Allowance:
        if self._redis is not None and time.monotonic() >= self._redis_from:
            try:
                allowance = await self._add_to(self._redis, amount, kind, name)
            except (StorageError, OSError) as error:
                self._redis_from = time.monotonic() + REDIS_PAUSE_SECONDS
                self._outage.occurs(repr(error))
            else:
                self._outage.succeeded()
                return allowance
        return await self._add_to(self._memory[kind], amount, kind, name)

    async def _add_to(self, storage: Counters, amount: int, kind: str, name: str) -> Allowance:
        key, window = f"{kind}/{name}/{self._name}", self._window
        used = await storage.incr(key, window, amount)
        seconds = math.ceil(await storage.seconds_left(key))
        return Allowance(self._amount, window, used, min(max(seconds, 1), window))


class _Counter(NamedTuple):
    value: int
    expires_at: float


_NONE = _Counter(0, 0)


class MemoryCounters:
    """The counters of one process: bounded in number, and dropped when their window ends.

    The library's own memory storage checks every counter at each request: with 100,000 counters,
    that takes 10 ms. It also uses the wall clock, whose steps would shorten or prolong a window.
    """

    def __init__(self, size: int = MAX_COUNTERS) -> None:
        self._counters: LRUCache[str, _Counter] = LRUCache(size)

    def __len__(self) -> int:
        """Return the number of counters, including expired ones that were not used since."""
        return len(self._counters)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter and return its value; a new counter expires in `expiry` seconds."""
        now = time.monotonic()
        value, expires_at = self._counters.get(key, _NONE)
        if expires_at <= now:
            value, expires_at = 0, now + expiry
        self._counters[key] = _Counter(value + amount, expires_at)
        return value + amount

    async def seconds_left(self, key: str) -> float:
        """Return the seconds until a counter expires."""
        return self._counters.get(key, _NONE).expires_at - time.monotonic()


def _shared_counters(url: str) -> "RedisCounters":
    # Optional dependency: import it only when Redis is configured.
    from .redis_counters import RedisCounters  # noqa: PLC0415

    return RedisCounters(url)
