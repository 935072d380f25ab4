"""Turns for long bodies: those of one user are checked one at a time, with pauses for other users.

Parsing and checking a body can block the event loop for some milliseconds. A burst of a hundred
from one user would block it for a second, although each of them is within the limits.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from quart import Request

from ..database.driver.turns import Turns
from .errors import TooManyInFlightError
from .request_state import STATE, RequestState

T = TypeVar("T")

WAIT_SECONDS = 10
RESTS = 2
"""The pause after a check, as a multiple of its duration, before the user's next one."""


class LongBodies:
    """The turns of each user."""

    def __init__(self) -> None:
        self._turns = Turns(1, WAIT_SECONDS)

    async def schedule(self, request: Request, work: Callable[[], T]) -> T:
        """Check a long request when it is the user's turn."""
        state: RequestState = request.scope["state"][STATE]
        return await self.check(state.user_id or "", work)

    async def check(self, user_id: str, work: Callable[[], T]) -> T:
        """Run `work` when it is the user's turn; return its result.

        Raises `TooManyInFlightError` if the turn does not come within `WAIT_SECONDS`.
        """
        try:
            await self._turns.acquire(user_id)
        except TimeoutError:
            raise TooManyInFlightError from None
        began = time.perf_counter()
        try:
            return work()
        finally:
            rest = RESTS * (time.perf_counter() - began)
            asyncio.get_running_loop().call_later(rest, self._turns.release, user_id)
