"""Wait for changes: the feed's response comes with the first change, or when the time is over."""

import time

from quart import request

from ..auth.request_state import STATE, RequestState
from ..database.driver.sessions import UserSession
from ..live.waiters import Waiter, Waiters
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
    if seconds:
        waiter = waiters.waiter(session.user_id, seconds)
        page = await _first_changes(store, waiter, since, limit, state)
    else:
        page = await store.since(since, limit)
    state.feed_lag = store.lag
    return page


async def _first_changes(
    store: ChangeStore, waiter: Waiter, since: str | None, limit: int, state: RequestState
) -> ChangePage:
    state.disconnected = waiter.end
    with waiter:
        page = await store.since(since, limit)
        waiter.has_read(store.revision)
        while not page.changes and await _changed(waiter, state):
            page = await store.since(since, limit)
            waiter.has_read(store.revision)
    return page


async def _changed(waiter: Waiter, state: RequestState) -> bool:
    """Wait. Until then, the request is not in flight."""
    began = time.perf_counter()
    if state.flight is not None:
        state.flight.requests -= 1
    try:
        return await waiter.changed()
    finally:
        if state.flight is not None:
            state.flight.requests += 1
        state.waited_seconds += time.perf_counter() - began
