"""A relay in front of a server, which can lose a request or a response, and cut the connection."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.support.addresses import Address


@dataclass
class RelayedConnection:
    """One connection: both its ends, and whether to lose its next response."""

    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    losing: bool = False
    is_meant: bool = False
    """True once the connection has carried the bytes that must come before the marker."""

    def cut(self) -> None:
        """Close both ends."""
        for writer in self.writers:
            writer.close()


class Relay:
    """Passes data on in both directions, until a test makes it lose something."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._request_is_lost = False
        self._marker: bytes | None = None
        self._after = b""
        self._loop = asyncio.new_event_loop()
        self.lost = threading.Event()
        """Set once something was lost, and its connection was cut."""
        self.on_loss: Callable[[], object] = lambda: None
        self.port = 0
        self._connections: list[RelayedConnection] = []

    @property
    def base_url(self) -> str:
        """The URL of a server of HTTP behind the relay."""
        return f"http://127.0.0.1:{self.port}"

    def lose_request(self) -> None:
        """Lose the next data that a client sends."""
        self.lost.clear()
        self._request_is_lost = True

    def lose_response(self, to: bytes = b"", after: bytes = b"") -> None:
        """Pass on the next data that contains these bytes, and lose the response.

        This applies only to connections that have carried the bytes `after`.
        """
        self.lost.clear()
        for connection in self._connections:
            connection.is_meant = False
        self._marker, self._after = to, after

    def run(self, started: threading.Event) -> None:
        """Relay until `stop`. Set `started` when the port is known."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connect, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    def stop(self) -> None:
        """Stop the relay. Call this from another thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        for connection in self._connections:
            connection.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        # The event loop closes transports in its next turn.
        await asyncio.sleep(0)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RelayedConnection([writer])
        self._connections.append(connection)
        try:
            responses, requests = await self._open()
        except OSError:
            connection.cut()
            return
        connection.writers.append(requests)
        await asyncio.gather(
            self._pass_on(reader, requests, connection, self._loses_request),
            self._pass_on(responses, writer, connection, self._loses_response),
        )

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._target.socket:
            return await asyncio.open_unix_connection(self._target.socket)
        return await asyncio.open_connection(*self._target)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: RelayedConnection,
        loses: Callable[[bytes, RelayedConnection], bool],
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if loses(data, connection):
                    self.on_loss()
                    self.lost.set()
                    break
                writer.write(data)
                await writer.drain()
        connection.cut()

    def _loses_request(self, data: bytes, connection: RelayedConnection) -> bool:
        if self._request_is_lost:
            self._request_is_lost = False
            return True
        connection.is_meant |= self._after in data
        if self._marker is not None and connection.is_meant and self._marker in data:
            self._marker = None
            connection.losing = True
        return False

    @staticmethod
    def _loses_response(_: bytes, connection: RelayedConnection) -> bool:
        return connection.losing


@contextmanager
def relay(port: int, host: str = "127.0.0.1") -> Iterator[Relay]:
    """Relay to a server. Yield the relay, which has the port."""
    running, started = Relay(Address(host, port)), threading.Event()
    thread = threading.Thread(target=running.run, args=(started,))
    thread.start()
    started.wait(timeout=5)
    try:
        yield running
    finally:
        running.stop()
        thread.join(timeout=5)
        assert not thread.is_alive()
