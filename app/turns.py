"""Turns: what is done for each of many, a few at a time, so that none keeps another waiting."""

import asyncio
from collections import deque


class Turns:
    """At most `size` holders at once under each key. Others wait: first come, first served."""

    def __init__(self, size: int, timeout_seconds: float) -> None:
        self._size = size
        self._timeout_seconds = timeout_seconds
        # Only keys with a holder are in it.
        self._held: dict[str, int] = {}
        # Only keys with a waiter are in it; all turns of such a key are held.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self.waiting = 0

    @property
    def held(self) -> int:
        """How many turns are held, under all keys."""
        return sum(self._held.values())

    async def take(self, key: str) -> None:
        """Take a turn. Raises `TimeoutError` where there is none within `timeout_seconds`."""
        held = self._held.get(key, 0)
        if held < self._size:
            self._held[key] = held + 1
        else:
            await self._wait(key)

    def give_back(self, key: str) -> None:
        """Give a turn to the next waiter."""
        queue = self._queues.get(key)
        while queue:
            turn = queue.popleft()
            if not queue:
                del self._queues[key]
            if not turn.done():
                turn.set_result(None)
                return
        held = self._held[key] - 1
        if held:
            self._held[key] = held
        else:
            del self._held[key]

    async def _wait(self, key: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # given at the moment of the time-out
                self.give_back(key)
            else:
                self._leave(key, turn)
            raise
        finally:
            self.waiting -= 1

    def _leave(self, key: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(key)
        if queue and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[key]
