"""Wait for changes: the feed's response comes with the first change, or when the time is over."""

import time

from quart import request

from ..auth.request_state import IS_UNATTENDED, STATE, RequestState
from ..database.driver.sessions import UserSession
from ..live.waiters import Waiters
from .changes import ChangeStore
from .schemas import ChangePage


async def changes_since(
    session: UserSession, waiters: Waiters, since: str | None, limit: int, seconds: int
) -> ChangePage:
    """Return the changes after a token, and store how far the reader was behind.

    If there are none, wait for them for so many seconds. Then return an empty page. Raises
    `ChangeTokenExpiredError` and `TooManyWaitingError`.
    """
    state: RequestState = request.scope["state"][STATE]
    store = ChangeStore(session)
    if not seconds:
        page = await store.since(since, limit)
        state.feed_lag = store.lag
        return page
    waiter = waiters.waiter(session.user_id, seconds)
    state.end_wait = waiter.end
    if IS_UNATTENDED in request.scope["state"]:
        waiter.end()
    # One function: each frame of a request that waits takes 250 bytes.
    with waiter:
        page = await store.since(since, limit)
        waiter.has_read(store.revision)
        while not page.changes:
            paused = _Paused(state)
            try:
                if not await waiter.changed():
                    break
            finally:
                paused.end()
            page = await store.since(since, limit)
            waiter.has_read(store.revision)
    state.feed_lag = store.lag
    return page


class _Paused:
    """The time in which a request waits. It is not in flight."""

    __slots__ = ("_began_at", "_state")

    def __init__(self, state: RequestState) -> None:
        self._state = state
        self._began_at = time.perf_counter()
        if state.flight is not None:
            state.flight.requests -= 1

    def end(self) -> None:
        """Count the request as in flight again, and the time as no work."""
        state = self._state
        if state.flight is not None:
            state.flight.requests += 1
        state.waited_seconds += time.perf_counter() - self._began_at
