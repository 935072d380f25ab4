"""Ctrl-C and SIGTERM while a command has not begun to serve."""

import signal
from types import FrameType


class Interruption:
    """Ends the process where it stands, so that every context closes and nothing is left running.

    A library can swallow what is raised in it, so it is also remembered that it was raised.
    """

    def __init__(self) -> None:
        self._status: int | None = None

    def install(self) -> None:
        """Take SIGINT and SIGTERM, until a server takes them for itself."""
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGTERM, self._end)

    def check(self) -> None:
        """Raise `SystemExit` where a signal has come before."""
        if self._status is not None:
            raise SystemExit(self._status)

    def _end(self, number: int, _: FrameType | None) -> None:
        self._status = 128 + number  # as a shell reports a process that a signal ended
        self.check()
