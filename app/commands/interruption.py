"""Ctrl-C and SIGTERM before a command serves."""

import signal
import sys
from types import FrameType


class Interruption:
    """Ends the process with `SystemExit`, so that every context closes and stops its processes.

    A library can swallow the exception, and Python does so in a finalizer. So the signal is also
    recorded.
    """

    def __init__(self) -> None:
        # The exit status, once a signal has arrived.
        self._status: int | None = None

    def install(self) -> None:
        """Handle SIGINT and SIGTERM, until a server installs its own handlers."""
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGTERM, self._end)
        report = sys.unraisablehook

        def report_others(unraisable: "sys.UnraisableHookArgs") -> None:
            """Do not print the traceback of an exit in a finalizer: `check` raises it again."""
            if not isinstance(unraisable.exc_value, SystemExit):
                report(unraisable)

        sys.unraisablehook = report_others

    def check(self) -> None:
        """Raise `SystemExit` if a signal has arrived before."""
        if self._status is not None:
            raise SystemExit(self._status)

    def _end(self, number: int, _: FrameType | None) -> None:
        self._status = 128 + number  # the status that shells report for a process ended by a signal
        self.check()
