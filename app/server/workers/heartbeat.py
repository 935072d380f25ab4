"""The worker's end of the channel to its supervisor."""

import asyncio
import os
import signal
import socket
import threading
import time
from contextlib import suppress

from ..http.application import Application
from .process import END_SECONDS

BEAT_SECONDS = 1
"""The interval of heartbeats."""


class SupervisorChannel:
    """The socket on standard input. It closes when the supervisor exits."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=0)

    def read_config(self) -> bytes:
        """Return the first line, which is the only one that the supervisor sends."""
        with self._socket.makefile("rb") as lines:
            return lines.readline()

    def end_with_supervisor(self) -> None:
        """End this process as soon as the supervisor has exited, for any reason.

        A thread waits for the end of the channel. It sends SIGTERM to this process, and SIGKILL
        after `END_SECONDS`.
        """
        threading.Thread(target=self._wait_for_end, daemon=True).start()

    def send_heartbeats(self, app: Application) -> None:
        """Send a heartbeat every second, from the moment when the app is ready.

        The first one tells the supervisor that the app is ready, the later ones that its event
        loop is not blocked. From the first one on, the supervisor can announce the end.
        """

        @app.before_serving
        async def begin() -> None:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, app.services.stopping.set)
            self._send_heartbeat(loop)

    def _send_heartbeat(self, loop: asyncio.AbstractEventLoop) -> None:
        # Do not wait for a supervisor that reads nothing.
        with suppress(OSError):
            self._socket.send(b".", socket.MSG_DONTWAIT)
        loop.call_later(BEAT_SECONDS, self._send_heartbeat, loop)

    def _wait_for_end(self) -> None:
        with suppress(OSError):
            self._socket.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_SECONDS)  # this is a thread, so it continues if the event loop is blocked
        os.kill(os.getpid(), signal.SIGKILL)
