"""The state that the connections of a process share."""

import asyncio

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.typing import Event

from .lean import LeanEvent


class DrainingWorkerContext(WorkerContext):
    """Hypercorn's context, extended by the state of the shutdown."""

    event_class: type[Event] = LeanEvent
    is_draining = False
    """True from the stop signal on. Each response is then the last one on its connection."""

    def __init__(self) -> None:
        super().__init__(None)
        self.resting = set[asyncio.Future[None]]()
        """A future of each connection, which completes when it may have been idle for too long."""

    async def terminate_all(self) -> None:
        """Close idle connections. Others close after their response."""
        await self.terminated.set()
        for each in tuple(self.resting):
            complete(each)


def complete(future: asyncio.Future[None]) -> None:
    """Complete a future, unless it is."""
    if not future.done():
        future.set_result(None)
