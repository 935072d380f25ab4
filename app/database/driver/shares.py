"""Shares of the pool, so that one user's requests do not delay another user's.

A request waits for the share of its user outside the queue of the pool. So the pool's queue holds
at most one share of each user.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from .errors import SearchTimeoutError
from .pool import TIMEOUT_SECONDS
from .turns import Turns

_ALL_SEARCHES = ""
"""The key under which the searches of all users count together."""


def admit_all(_: str) -> None:
    """Accept every request."""


class ShareUsage(NamedTuple):
    """How many requests wait for a share of their user, and how many searches run and wait."""

    waiting: int
    searching: int
    waiting_to_search: int


class UserShares:
    """Limits each user to half of the pool, and to one search at a time.

    `admit` is called with the user's id when a request has waited for its share, before it takes a
    connection; it raises to reject the request.
    """

    def __init__(self, pool_size: int, admit: Callable[[str], None]) -> None:
        self._shares = Turns(max(1, pool_size // 2), TIMEOUT_SECONDS)
        self._searches_of_user = Turns(1, TIMEOUT_SECONDS)
        # Two in the default pool of 5, so that one user's search does not delay another's.
        self._searches = Turns(max(1, (pool_size + 1) // 3), TIMEOUT_SECONDS)
        self._admit = admit

    @property
    def usage(self) -> ShareUsage:
        """Return how many requests wait for a share, and how many searches run and wait."""
        waiting = self._searches_of_user.waiting + self._searches.waiting
        return ShareUsage(self._shares.waiting, self._searches.held, waiting)

    def share(self, user_id: str) -> AbstractAsyncContextManager[None]:
        """Return a context that holds one connection of the user's share.

        Entering it raises `TimeoutError` if none is free within `TIMEOUT_SECONDS`.
        """
        return _Share(self._shares, self._admit, user_id)

    @asynccontextmanager
    async def search(self, user_id: str) -> AsyncIterator[None]:
        """Take one connection of the user's share, and one of the slots for searches.

        Raises `SearchTimeoutError` if that takes longer than `TIMEOUT_SECONDS`. The slot among all
        searches is taken last, so a search that waits for it delays its own user only.
        """
        needs = (self._searches_of_user, user_id), (self._shares, user_id)
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    for turns, key in (*needs, (self._searches, _ALL_SEARCHES)):
                        await turns.acquire(key)
                        held.callback(turns.release, key)
            except TimeoutError:
                raise SearchTimeoutError("other searches took too long") from None
            self._admit(user_id)
            yield


class _Share:
    """Takes one connection of a user's share. A generator would take ten times as long."""

    __slots__ = ("_admit", "_shares", "_user_id")

    def __init__(self, shares: Turns, admit: Callable[[str], None], user_id: str) -> None:
        self._shares = shares
        self._admit = admit
        self._user_id = user_id

    async def __aenter__(self) -> None:
        if await self._shares.acquire(self._user_id):
            try:
                self._admit(self._user_id)
            except BaseException:
                self._shares.release(self._user_id)
                raise

    async def __aexit__(self, *_: object) -> None:
        self._shares.release(self._user_id)
