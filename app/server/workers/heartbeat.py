"""A worker's side of the channel to its supervisor."""

import asyncio
import os
import signal
import socket
import threading
import time
from contextlib import suppress

from quart import Quart

from app.server.workers.process import END_SECONDS

BEAT_SECONDS = 1


class Channel:
    """Standard input: a socket that is open for as long as the supervisor lives."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=0)

    def read_order(self) -> bytes:
        """Read the first line, which is all that is ever said over it."""
        with self._socket.makefile("rb") as lines:
            return lines.readline()

    def end_with_supervisor(self) -> None:
        """End this process as soon as the supervisor is gone, by whatever signal."""
        threading.Thread(target=self._wait_for_end, daemon=True).start()

    def beat(self, app: Quart) -> None:
        """Tell the supervisor that the app is ready, and then that its event loop is not stuck."""

        @app.before_serving
        async def begin() -> None:
            self._beat(asyncio.get_running_loop())

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        # A supervisor that reads nothing must not make us wait.
        with suppress(OSError):
            self._socket.send(b".", socket.MSG_DONTWAIT)
        loop.call_later(BEAT_SECONDS, self._beat, loop)

    def _wait_for_end(self) -> None:
        with suppress(OSError):
            self._socket.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_SECONDS)  # a thread, so that it comes true also where the event loop hangs
        os.kill(os.getpid(), signal.SIGKILL)
