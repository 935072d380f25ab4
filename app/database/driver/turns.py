"""Turns: a few holders at a time under each key, so that no key delays another."""

import asyncio
from collections import deque


class Turns:
    """At most `size` holders at once under each key. Others wait in the order of arrival."""

    def __init__(self, size: int, timeout_seconds: float) -> None:
        self._size = size
        self._timeout_seconds = timeout_seconds
        # The number of holders by key; keys without a holder are removed.
        self._held: dict[str, int] = {}
        # The waiters by key; keys without a waiter are removed. All turns of a key in it are held.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        # The number of waiters under all keys.
        self.waiting = 0

    @property
    def held(self) -> int:
        """Return how many turns are held, under all keys."""
        return sum(self._held.values())

    async def acquire(self, key: str) -> bool:
        """Take a turn; return whether that took a wait.

        Raises `TimeoutError` if none is free within `timeout_seconds`.
        """
        held = self._held.get(key, 0)
        if held < self._size:
            self._held[key] = held + 1
            return False
        await self._wait(key)
        return True

    def release(self, key: str) -> None:
        """Pass a turn on to the next waiter, or release it."""
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
            if turn.done() and not turn.cancelled():  # passed on at the moment of the time-out
                self.release(key)
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
