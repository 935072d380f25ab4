"""What carries signals between processes. `Signals` knows only these two protocols."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypeAlias

Carrier: TypeAlias = Literal["redis", "listen", "polling"]
"""What carries the signals: Redis or Valkey, LISTEN and NOTIFY of PostgreSQL, or nothing."""
CARRIERS: tuple[Carrier, ...] = ("redis", "listen", "polling")


class Line(Protocol):
    """An open connection that sends and receives messages."""

    async def send(self, messages: Sequence[str]) -> None:
        """Send messages to all processes, this one included."""

    async def run(self) -> None:
        """Receive messages until the connection is lost, then return or raise."""


class Link(Protocol):
    """Connects this process with the others."""

    carrier: Carrier

    def connect(self, received: Callable[[str], None]) -> AbstractAsyncContextManager[Line]:
        """Open a connection, and call `received` with each message from then on."""
