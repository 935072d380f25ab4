"""Hypercorn's server of one connection, with less work for each request and more time limits."""

import asyncio
import socket
import struct
from contextlib import suppress
from functools import cached_property
from itertools import chain, repeat
from socket import SO_ERROR, SOL_SOCKET

from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.events import Closed, Event, RawData, Updated

from ..middleware.client_address import normal_address
from .context import DrainingWorkerContext, complete
from .protocol import BUFFERED_BYTES, Protocol

HEAD_SECONDS = 20
"""How long the head of a request may take from its first byte on, however long idle is allowed."""
READ_SECONDS = 60
"""How long a client may take to read a response, beyond what the transport buffers."""
PROGRESS_SECONDS = 15
"""How long a client may read no byte of a response."""
PROBE_SECONDS = 0.25
"""The interval between probes of a client that has closed its side during a read."""
_PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class TCPConnection(TCPServer):
    """A connection with one task that closes it when it is idle for too long.

    This overrides Hypercorn's `TCPServer`, which ends such a task at the start of each request and
    creates another at its end. It also disconnects clients that do not read, and cancels a read
    whose client has disconnected.
    """

    context: DrainingWorkerContext
    _idle_since: float | None = None
    """When the connection began or its last response was sent. None during a request."""
    _has_received = False
    """True from the first byte of a request until its response is sent."""
    _head_limit: asyncio.TimerHandle | None = None
    """Resets the connection if a head that arrived in part is not complete in time."""

    @cached_property
    def address(self) -> str:
        """The address by which the connection is counted, or "" for a socket without one."""
        peer = self.writer.get_extra_info("peername")
        return normal_address(peer[0]) if isinstance(peer, tuple) else ""

    @property
    def idle_since(self) -> float | None:
        """When the connection became idle, on the clock of the loop. None during a request."""
        return None if self._has_received else self._idle_since

    async def run(self) -> None:
        """Serve until either side closes the connection."""
        self._idle_since = self.loop.time()
        # What waits until the buffer is sent: the deque of asyncio takes 760 bytes when empty.
        self.writer.transport.get_protocol()._drain_waiters = []  # type: ignore[attr-defined]  # noqa: SLF001
        await super().run()

    async def evict(self) -> None:
        """Close an idle connection."""
        if self.writer.transport.get_write_buffer_size():
            self._reset()
        await self._initiate_server_close()

    async def protocol_send(self, event: Event) -> None:
        """Handle an event of the protocol: write data, close, or note whether it is idle."""
        if isinstance(event, Updated):
            self._idle_since = self.loop.time() if event.idle else None
            self._has_received &= not event.idle
            self._lift_head_limit()
        elif isinstance(event, RawData):
            await self._write(event.data)
        else:
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        while not self.reader.at_eof():
            try:
                data = await self.reader.read(MAX_RECV)
            except OSError:
                break
            self._has_received = True
            await self.protocol.handle(RawData(data))
            self._limit_head()
        await self.protocol.handle(Closed())
        # The client has closed its side. Without this, the idle task would keep the connection
        # until its timeout.
        await self.idle_task.stop()
        await self._end_abandoned_read()

    def _limit_head(self) -> None:
        """Limit the time of a head that has begun. Most arrive in one piece and need no timer."""
        is_partial = self._has_received and self._idle_since is not None
        if is_partial and self._head_limit is None and not self.writer.is_closing():
            self._head_limit = self.loop.call_later(HEAD_SECONDS, self._reset)

    def _lift_head_limit(self) -> None:
        if self._head_limit is not None:
            self._head_limit.cancel()
            self._head_limit = None

    async def _end_abandoned_read(self) -> None:
        """Cancel a read whose client has disconnected, to free its database connection.

        A client that has closed its side may still wait for the response (a half-closed
        connection). A client that has disconnected replies to a packet with a reset. So this
        sends an interim response, which clients ignore, and then checks for a reset at intervals.
        """
        protocol = self.protocol.protocol
        stream = protocol.abandoned if isinstance(protocol, Protocol) else None
        if stream is None:
            return
        packets = (b"", _PROBE) if stream.takes_interim_responses else ()
        for packet in chain(packets, repeat(b"")):
            task = stream.unfinished_read
            if task is None:
                return
            if self._is_reset():
                task.cancel()
                return
            self.writer.write(packet)
            await asyncio.wait({task}, timeout=PROBE_SECONDS)

    def _is_reset(self) -> bool:
        client = self.writer.get_extra_info("socket")
        return self.writer.is_closing() or client.getsockopt(SOL_SOCKET, SO_ERROR) != 0

    async def _write(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            if self.writer.transport.get_write_buffer_size() > BUFFERED_BYTES:
                async with asyncio.timeout(READ_SECONDS):
                    await self._drain()
        except TimeoutError:
            self._reset()
            await self.protocol.handle(Closed())
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    async def _drain(self) -> None:
        """Wait until the client has read enough of the buffer.

        Raises `TimeoutError` if the client reads nothing for `PROGRESS_SECONDS`.
        """
        left = self.writer.transport.get_write_buffer_size()
        while True:
            try:
                async with asyncio.timeout(PROGRESS_SECONDS):
                    return await self.writer.drain()
            except TimeoutError:
                before, left = left, self.writer.transport.get_write_buffer_size()
                if left >= before:
                    raise

    def _reset(self) -> None:
        """Reset the connection, so that the kernel drops the data that the client has not read."""
        transport = self.writer.transport
        # With an empty buffer the socket may be closed, and its descriptor reused.
        if transport.get_write_buffer_size():
            with suppress(OSError):
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

    async def _close(self) -> None:
        self._lift_head_limit()
        # A client that does not read the end of the response must not keep the connection open.
        resetting = self.loop.call_later(PROGRESS_SECONDS, self._reset)
        try:
            await super()._close()
        finally:
            resetting.cancel()

    async def _idle_timeout(self) -> None:
        while not self.context.terminated.is_set():
            now = self.loop.time()
            idle_since = now if self._has_received else self._idle_since or now
            idle_until = idle_since + self.config.keep_alive_timeout
            if idle_until <= now:
                # Data that the client has not read by now, it will not read at all.
                if self.writer.transport.get_write_buffer_size():
                    self._reset()
                break
            resting = self.loop.create_future()
            ending = self.loop.call_at(idle_until, complete, resting)
            self.context.resting.add(resting)
            try:
                await resting
            finally:
                ending.cancel()
                self.context.resting.discard(resting)
        # During a request, the protocol closes the connection after its response.
        if self._idle_since is not None:
            await asyncio.shield(self._initiate_server_close())
