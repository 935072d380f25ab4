"""Report the state of the service to systemd, which starts it with `Type=notify`: sd_notify(3)."""

import os
import socket
import time
from contextlib import suppress
from typing import NamedTuple, Self

SEND_SECONDS = 1
"""How long a message may wait for a service manager that is busy."""
_MICROSECONDS = 1_000_000


class ServiceManager(NamedTuple):
    """The service manager that started this process. Without one, nothing is sent."""

    address: str | None = None
    """The path of its socket, or the name of an abstract one, with `@` in place of the zero."""
    watchdog_seconds: float | None = None
    """It restarts the service if it receives no `WATCHDOG=1` for so long. None: never."""

    @classmethod
    def from_environment(cls) -> Self:
        """Return the service manager in the environment, and remove it from there.

        So no process that this one starts sends messages in its place.
        """
        address = os.environ.pop("NOTIFY_SOCKET", None)
        microseconds = os.environ.pop("WATCHDOG_USEC", "")
        process = os.environ.pop("WATCHDOG_PID", None)
        is_watched = microseconds.isdecimal() and process in {None, str(os.getpid())}
        return cls(address, int(microseconds) / _MICROSECONDS if is_watched else None)

    def send(self, *assignments: str) -> None:
        """Send a message of lines such as `READY=1`. It is dropped if it cannot be delivered."""
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address[0] == "@" else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(SEND_SECONDS)
            sender.sendto("\n".join(assignments).encode(), address)

    def send_reloading(self) -> None:
        """Report the begin of a reload. `READY=1` reports its end."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.send("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=Reloading")
