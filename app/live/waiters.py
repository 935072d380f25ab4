"""The requests of this process that wait for changes of their users.

A signal only says when to look. What changed is always read. So a signal that is lost, late or
doubled does no harm, and a waiting request holds no connection to the database.
"""

import asyncio
import random
from collections.abc import Mapping
from typing import Self

from ..lasting_event import LastingEvent
from .errors import TooManyWaitingError
from .messages import mark_of

MAX_WAITING = 10_000
"""The most waiting requests of a process. Each takes about 26 KiB of memory."""
MAX_OF_A_USER = 32
"""The most waiting requests of a user in a process: devices and tabs of one person."""
ENDED_AT_ONCE = 100
"""How many waiting requests end in one turn of the event loop, when the process drains."""
EARLY = 0.2
"""The part of its time by which a wait ends early, at most and at random.

So requests that began at once, such as after a restart, do not begin again at once for ever.
"""

_UNKNOWN = object()
"""Stands for a revision that was not read."""
_ANY = object()
"""Stands for the revision of a signal, which differs from every revision that was read."""


class Waiter:
    """A request that reads, and waits for a change if it has found none.

    It must be entered as a context before it reads, so that it misses no change. The wait ends at
    the time `until` of the event loop's clock.
    """

    __slots__ = ("_all", "_is_over", "_known", "_leads", "_noticed", "_until", "_woken", "user_id")

    def __init__(self, waiters: "Waiters", user_id: str, until: float) -> None:
        self._all = waiters
        self._until = until
        self.user_id = user_id
        self._woken: asyncio.Future[bool] | None = None
        """While the request waits: its result is whether to read again."""
        self._known: object = _UNKNOWN
        """The user's revision that the request has read last."""
        self._noticed: object = _UNKNOWN
        """A revision, or a signal, that arrived while the request was reading."""
        self._leads = False
        """True while the other requests of the user rely on this one to look."""
        self._is_over = False
        """True once the request must not wait any longer."""

    def __enter__(self) -> Self:
        self._all.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._all.remove(self)
        if self._leads:  # it was to look, and has not
            self._all.signal(self.user_id)

    @property
    def is_waiting(self) -> bool:
        """True while it waits; false while it reads."""
        return self._woken is not None and not self._woken.done()

    def has_read(self, revision: int | None) -> None:
        """Record the user's revision as of a read, None if the user has no data.

        Other requests of the user that know another revision read again, too.
        """
        self._known = revision
        self._leads = False
        self._all.notice(self, revision)

    async def changed(self) -> bool:
        """Wait until the user's data may have changed. Return whether to read again.

        Otherwise the time is over, the process drains, or the client may have left. Raises
        `TooManyWaitingError`.
        """
        noticed, self._noticed = self._noticed, _UNKNOWN
        if noticed not in (_UNKNOWN, self._known):
            return True
        if self._is_over or self._all.is_closed:
            return False
        self._all.admit(self)
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        ending = loop.call_at(self._until, self.end)
        try:
            return await self._woken
        finally:
            ending.cancel()
            self._woken = None
            self._all.discharge()

    def look(self) -> None:
        """Read again, and pass what was read on to the other requests of the user."""
        self._leads = True
        self._wake()

    def notice(self, revision: object) -> None:
        """Read again unless it has read this revision of the user."""
        if not self.is_waiting:
            # A signal is newer than what another request has read.
            self._noticed = revision if self._noticed is not _ANY else _ANY
        elif revision != self._known:
            self._wake()

    def end(self) -> None:
        """End the wait, or do not begin it."""
        self._is_over = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(False)

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(True)


class Waiters:
    """All requests of a process that wait, or read before they do."""

    def __init__(self) -> None:
        self.limit = MAX_WAITING
        """The most requests that may wait: `limit_to` can lower it."""
        self.count = 0
        """The number of requests that wait."""
        self.present = asyncio.Event()
        """Set while requests wait."""
        self.is_closed = False
        """True once no request must wait any more."""
        self._of: dict[str, list[Waiter]] = {}
        """The requests of each user, in the order of their arrival. No list is empty."""
        self._users: dict[str, str] = {}
        """The users in `_of` by their marks in messages."""
        self._limited = {
            scope: LastingEvent(
                "app.live", "waiting limit reached", "waiting limit cleared", scope=scope
            )
            for scope in ("user", "total")
        }

    @property
    def users(self) -> list[str]:
        """The users whose requests wait, or read before they do."""
        return list(self._of)

    def limit_to(self, connections: int) -> None:
        """Leave a quarter of the connections of the process to requests that do not wait."""
        self.limit = min(MAX_WAITING, connections * 3 // 4)

    def waiter(self, user_id: str, seconds: float) -> Waiter:
        """Return a request that can wait for at most so many seconds from now."""
        seconds *= random.uniform(1 - EARLY, 1)  # noqa: S311 - not a secret
        return Waiter(self, user_id, asyncio.get_running_loop().time() + seconds)

    def add(self, waiter: Waiter) -> None:
        """Add a request before it reads."""
        requests = self._of.get(waiter.user_id)
        if requests is None:
            requests = self._of[waiter.user_id] = []
            self._users[mark_of(waiter.user_id)] = waiter.user_id
        requests.append(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Remove a request."""
        requests = self._of[waiter.user_id]
        requests.remove(waiter)
        if not requests:
            del self._of[waiter.user_id]
            self._users.pop(mark_of(waiter.user_id), None)

    def admit(self, waiter: Waiter) -> None:
        """Count a request that begins to wait. Raises `TooManyWaitingError`."""
        if sum(each.is_waiting for each in self._of[waiter.user_id]) >= MAX_OF_A_USER:
            self._limited["user"].occurs(limit=MAX_OF_A_USER, user=waiter.user_id)
            raise TooManyWaitingError
        if self.count >= self.limit:
            self._limited["total"].occurs(limit=self.limit)
            raise TooManyWaitingError
        self.count += 1
        self.present.set()

    def discharge(self) -> None:
        """Count a request no more, because it does not wait any longer."""
        self.count -= 1
        if not self.count:
            self.present.clear()

    def signal(self, user_id: str) -> None:
        """Look for changes of a user, if a request waits for them.

        One of the user's requests looks. The others follow if there was a change, so a signal
        without one costs one read, however many requests wait.
        """
        requests = self._of.get(user_id)
        if requests is None:
            return
        for each in requests:
            if each.is_waiting:
                each.look()
                return
        for each in requests:
            each.notice(_ANY)

    def signal_mark(self, mark: str) -> None:
        """Look for changes of the user with a mark."""
        if mark in self._users:
            self.signal(self._users[mark])

    def notice(self, reader: Waiter, revision: int | None) -> None:
        """Make the user's other requests read again that have not read this revision."""
        for each in self._of[reader.user_id]:
            if each is not reader:
                each.notice(revision)

    def compare(self, revisions: Mapping[str, int | None]) -> None:
        """Make the requests read again that have not read the revision of their user."""
        for user_id, revision in revisions.items():
            for each in self._of.get(user_id, ()):
                each.notice(revision)

    async def end_all(self) -> None:
        """End the wait of all requests that wait now, in portions, so that others are served."""
        waiting = [each for requests in self._of.values() for each in requests]
        for number, each in enumerate(waiting, 1):
            each.end()
            if number % ENDED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def close(self) -> None:
        """End the wait of all requests, and let no further one wait."""
        self.is_closed = True
        await self.end_all()
