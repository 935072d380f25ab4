"""Small replacements for what each connection or request has, also while it waits.

Thousands of requests can wait for changes. Every `asyncio.Event`, and every list of a queue, has a
deque that takes 760 bytes although it is empty.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import hypercorn.typing
from hypercorn.asyncio.task_group import TaskGroup, _handle
from hypercorn.asyncio.worker_context import EventWrapper
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope


class LeanEvent(EventWrapper):
    """An event that makes asyncio's event when it is first waited for."""

    def __init__(self) -> None:
        self._is_set = False
        self._event: asyncio.Event | None = None  # type: ignore[assignment]  # not made yet

    async def set(self) -> None:
        """Set the event, and wake what waits for it."""
        self._is_set = True
        if self._event is not None:
            self._event.set()

    async def clear(self) -> None:
        """Reset the event."""
        self._is_set = False
        if self._event is not None:
            self._event.clear()

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._is_set

    async def wait(self) -> None:
        """Wait until the event is set."""
        if not self._is_set:
            if self._event is None:
                self._event = asyncio.Event()
            await self._event.wait()


class LeanTaskGroup(TaskGroup):
    """Starts the task of a request in a group, without Hypercorn's queue and what WSGI needs."""

    def __init__(self, group: "hypercorn.typing.TaskGroup") -> None:
        self._group = group

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start the task, and return the function that passes events on to it."""
        inbox = _Inbox(config.max_app_queue_size)
        self._group.spawn(_handle, app, config, scope, inbox.get, send, None, None)
        return inbox.put


class _Inbox:
    """A queue from the task that reads from the connection to the task of the request.

    The last event is the disconnection, which the task of the request puts, too, when it ends.
    """

    __slots__ = ("_events", "_limit", "_received", "_taken")

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._events: list[Any] = []
        # While the receiver waits for an event, and while the sender waits for room.
        self._received: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None

    async def put(self, event: ASGIReceiveEvent) -> None:
        if event["type"] == "http.disconnect":
            # Nothing may receive any more, so the task that reads must not wait for room. It puts
            # no further event: the stream is closed.
            self._limit = math.inf
            _wake(self._taken)
        while len(self._events) >= self._limit:
            self._taken = asyncio.get_running_loop().create_future()
            await self._taken
        self._events.append(event)
        _wake(self._received)

    async def get(self) -> Any:  # noqa: ANN401 - an event of ASGI
        while not self._events:
            self._received = asyncio.get_running_loop().create_future()
            await self._received
        event = self._events.pop(0)
        _wake(self._taken)
        return event


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
