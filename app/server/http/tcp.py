"""Hypercorn's server of one connection, without what it does anew for each request."""

import asyncio
import socket
import struct
from contextlib import suppress
from functools import cached_property
from itertools import chain, repeat
from socket import SO_ERROR, SOL_SOCKET

from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.events import Closed, Event, RawData, Updated

from app.server.http.protocol import BUFFERED_BYTES, Protocol
from app.server.middleware.client_address import normal_address

READ_SECONDS = 60
"""How long a client may take to read what it is sent."""
PROGRESS_SECONDS = 15
"""How long a client may read nothing of what it is sent."""
PROBE_SECONDS = 0.25
"""How long a read goes on after its client has closed its side, until the client is probed."""
_PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class Connection(TCPServer):
    """One task watches over an idle connection, however many requests come.

    Hypercorn's own ends a task at the beginning of each request, and starts one at its end.
    """

    _idle_since: float | None = None
    _has_received = False
    """True from the first byte of a request until its response is sent."""

    @cached_property
    def address(self) -> str:
        """The address that the connection is counted by; empty for a socket without one."""
        peer = self.writer.get_extra_info("peername")
        return normal_address(peer[0]) if isinstance(peer, tuple) else ""

    @property
    def idle_since(self) -> float | None:
        """Since when it has been idle, on the clock of the loop."""
        return None if self._has_received else self._idle_since

    async def run(self) -> None:
        """Serve until one of both sides closes."""
        self._idle_since = self.loop.time()
        await super().run()

    async def evict(self) -> None:
        """Close an idle connection."""
        if self.writer.transport.get_write_buffer_size():
            self._reset()
        await self._initiate_server_close()

    async def protocol_send(self, event: Event) -> None:
        """Carry out what the protocol wants: write, close, or note whether it waits."""
        if isinstance(event, Updated):
            self._idle_since = self.loop.time() if event.idle else None
            self._has_received &= not event.idle
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
        await self.protocol.handle(Closed())
        # The client has closed. Else the task would keep the connection until its time is over.
        await self.idle_task.stop()
        await self._end_abandoned_read()

    async def _end_abandoned_read(self) -> None:
        """Cancel a read whose client is gone, so that it does not keep its database connection.

        A client that has closed its side may still wait for the response. Only one that is gone
        answers a packet with a reset; so it is sent an interim response, which changes nothing.
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
        """Wait until the client has read enough. Raises `TimeoutError` where it reads nothing."""
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
        """End the connection, and make the kernel drop what the client has not read."""
        transport = self.writer.transport
        if transport.get_write_buffer_size():  # else the descriptor may be another's by now
            with suppress(OSError):
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

    async def _close(self) -> None:
        # A client that does not read the end of what it was sent must not keep the connection.
        resetting = self.loop.call_later(PROGRESS_SECONDS, self._reset)
        try:
            await super()._close()
        finally:
            resetting.cancel()

    async def _idle_timeout(self) -> None:
        while not self.context.terminated.is_set():
            now = self.loop.time()
            idle_until = (self._idle_since or now) + self.config.keep_alive_timeout
            if idle_until <= now:
                # What it has not read in that time, it does not read at all.
                if self.writer.transport.get_write_buffer_size():
                    self._reset()
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self.context.terminated.wait(), idle_until - now)
        # The protocol closes a connection itself whose last answer it sends while the server stops.
        if self._idle_since is not None:
            await asyncio.shield(self._initiate_server_close())
