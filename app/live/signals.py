"""Signals: after a change, all processes look whether one of their requests waits for it.

Within a process, the signal is a function call. Other processes get it over a `Link`. While there
is none, or it is broken, one statement a second reads the revisions of all users who wait.
"""

import asyncio
from contextlib import suppress

import structlog

from ..database.database import Database
from ..database.driver.causes import reason
from ..lasting_event import LastingEvent
from .errors import LinkLostError
from .links import Carrier, Line, Link
from .messages import EVERYONE, sender_and_marks
from .outbox import Outbox
from .polling import Polling, ReadRevisions
from .waiters import Waiters

logger = structlog.get_logger("app.live")

SEND_SECONDS = 0.1
"""The shortest time between two messages of a process, so that NOTIFY costs the writers nothing."""
ECHO_SECONDS = 5
"""How long a message may take to come back. Otherwise the connection is lost, or a pooler's."""
PING_SECONDS = 10
"""How often an idle connection is tried while requests wait."""
RETRY_SECONDS = 1
"""The pause before the next attempt to connect."""


class Signals:
    """The signals of this process to and from the others."""

    def __init__(self, waiters: Waiters) -> None:
        self.waiters = waiters
        self._outbox = Outbox()
        self._sends = False
        """True if there is a link, over which changes are sent."""
        self._polling = Polling(waiters)
        self._echoed = asyncio.Event()
        """Set when a message of this process has come back."""
        self.chosen: Carrier = "polling"
        """What carries the signals if all is well."""
        self.current: Carrier = "polling"
        """What carries the signals now. An idle process connects when it needs to."""
        self._broken = LastingEvent(
            "app.live", "signals lost", "signals restored", until_success=True
        )

    def committed(self, user_id: str) -> None:
        """Signal that the data of a user may have changed."""
        self.waiters.signal(user_id)
        if self._sends:
            self._outbox.add(user_id)

    async def run(self, database: Database, read: ReadRevisions, link: Link | None) -> None:
        """Send and receive signals until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._polling.run(database, read))
            if link is None:
                self._polling.begin()
            else:
                self.chosen = self.current = link.carrier
                self._sends = True
                group.create_task(self._stay_linked(link))

    async def _stay_linked(self, link: Link) -> None:
        while True:
            if self.current == self.chosen:
                await self._needed()
            try:
                async with link.connect(self._receive) as line:
                    await self._serve(line)
            except Exception as error:  # noqa: BLE001 - whatever it is, this process polls
                if self._is_needed:  # an idle line may be cut, and no request notices
                    self._lose(error)
            await asyncio.sleep(RETRY_SECONDS)

    @property
    def _is_needed(self) -> bool:
        return bool(self.waiters.users) or self._outbox.filled.is_set()

    async def _needed(self) -> None:
        """Wait until a request waits, or there is something to send.

        So an idle process opens no connection, and a database that sleeps is left asleep.
        """
        events = self.waiters.present, self._outbox.filled
        tasks = [asyncio.create_task(each.wait()) for each in events]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in tasks:
                each.cancel()

    def _lose(self, error: Exception) -> None:
        self.current = "polling"
        self._polling.begin()
        self._broken.occurs(str(error) if isinstance(error, LinkLostError) else reason(error))

    async def _serve(self, line: Line) -> None:
        running = asyncio.create_task(line.run())
        sending = asyncio.create_task(self._send_all(line))
        try:
            await asyncio.wait({running, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (running, sending):
                each.cancel()
            results = await asyncio.gather(running, sending, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        raise LinkLostError("connection lost")

    async def _send_all(self, line: Line) -> None:
        await self._send(line)  # a first message proves that the line works
        self._linked()
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PING_SECONDS):
                        await self._outbox.filled.wait()
                if self._outbox.filled.is_set() or self.waiters.present.is_set():
                    await self._send(line)
                    self._broken.succeeded()
                    await asyncio.sleep(SEND_SECONDS)
        except asyncio.CancelledError:
            await self._send_last(line)
            raise

    async def _send_last(self, line: Line) -> None:
        """Send what is in the outbox when the process stops, or receives nothing any more."""
        users = self._outbox.take()
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                await line.send(self._outbox.messages_of(users))
        except Exception:  # noqa: BLE001 - the line is lost; the next one sends it
            self._outbox.restore(users)

    async def _send(self, line: Line) -> None:
        """Send what is in the outbox, and wait until it has come back. Raises `LinkLostError`."""
        users = self._outbox.take()
        self._echoed.clear()
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await line.send(self._outbox.messages_of(users))
                await self._echoed.wait()
        except BaseException as error:
            self._outbox.restore(users)
            if isinstance(error, TimeoutError):
                raise LinkLostError("messages do not come back") from None
            raise

    def _linked(self) -> None:
        self.current = self.chosen
        self._polling.once()  # signals were lost until now
        logger.info("signals connected", carrier=self.current)

    def _receive(self, message: str) -> None:
        sender, marks = sender_and_marks(message)
        if sender == self._outbox.sender:
            self._echoed.set()
            return
        for mark in marks:
            if mark == EVERYONE:
                self._polling.once()
            else:
                self.waiters.signal_mark(mark)
