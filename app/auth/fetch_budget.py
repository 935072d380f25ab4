"""A limit on how often unknown keys cause a fetch from the issuer."""

import time

from cachetools import TTLCache

FETCHES_AT_ONCE = 5
REFILL_SECONDS = 10
ADDRESS_SECONDS = 60
"""How many seconds an address that named an unknown key leaves the burst to other addresses."""
MAX_ADDRESSES = 10_000


class FetchBudget:
    """Allows a burst of `FETCHES_AT_ONCE` fetches, and one more every `REFILL_SECONDS`.

    Any client can name keys that do not exist. A fetch that such a client causes also returns the
    keys that other clients wait for, and one fetch is always allowed within `REFILL_SECONDS`. So
    attackers can delay a rotation of keys by that long at most. An address that named an unknown
    key gets only that one fetch, so a single address cannot delay the others at all.
    """

    def __init__(self) -> None:
        # The fetches that were left at `_counted_at`.
        self._left: float = FETCHES_AT_ONCE
        self._counted_at = time.monotonic()
        # When the last fetch was taken.
        self._taken_at = float("-inf")
        # The addresses whose last fetch has not found their key.
        self._unsuccessful: TTLCache[str, bool] = TTLCache(MAX_ADDRESSES, ADDRESS_SECONDS)

    def take(self, address: str) -> bool:
        """Take a fetch for a client at `address`; return whether one was allowed."""
        now = time.monotonic()
        refilled = self._left + (now - self._counted_at) / REFILL_SECONDS
        self._left, self._counted_at = min(refilled, FETCHES_AT_ONCE), now
        is_due = now - self._taken_at >= REFILL_SECONDS
        if not is_due and (self._left < 1 or address in self._unsuccessful):
            return False
        self._left = max(self._left - 1, 0)
        self._taken_at = now
        self._unsuccessful[address] = True
        return True

    def forget(self, address: str) -> None:
        """Forget the fetch of an address, because it named a key that the issuer has."""
        self._unsuccessful.pop(address, None)
