"""A process that a supervisor starts, and the channel between both."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import Process
from contextlib import suppress

import structlog

from app.server.http.run import DRAIN_SECONDS
from app.server.http.serving import GRACEFUL_SECONDS

END_SECONDS = DRAIN_SECONDS + GRACEFUL_SECONDS + 5
"""How long a worker may take to end, once it is told to."""
SILENT_SECONDS = 30
"""How long one that was ready may say nothing."""
STEP_SECONDS = 1

logger = structlog.get_logger("app.workers")


class Worker:
    """A running worker.

    The channel is its standard input. It is told its order over it, and says over it that it
    lives: for the first time when it is ready, and then every second.
    """

    def __init__(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ready = asyncio.Event()
        self.ended = asyncio.create_task(self._watch())

    @classmethod
    async def start(cls, module: str, descriptor: int, order: bytes) -> "Worker":
        """Run `module` in a fresh process, with the descriptor of the listening socket.

        Never a fork: this process may have threads. Raises `OSError` where it cannot be.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, str(descriptor)),
                stdin=theirs.fileno(),
                pass_fds=[descriptor],
                start_new_session=True,  # the terminal's Ctrl-C is for us, and we tell the workers
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(order + b"\n")
        logger.info("worker started", worker=process.pid)
        return cls(process, reader, writer)

    async def is_ready(self) -> bool:
        """Wait until it is ready, or has ended before."""
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self._ready.is_set()

    async def end(self, number: int = signal.SIGTERM) -> None:
        """Tell it to end, and wait until it has."""
        # What SIGINT raises in one that still starts, a library could swallow.
        self._send(number if self._ready.is_set() else signal.SIGTERM)
        await asyncio.wait({self.ended}, timeout=END_SECONDS)
        if not self.ended.done():
            logger.warning("worker killed", worker=self.pid, after_seconds=END_SECONDS)
            self._send(signal.SIGKILL)
            await asyncio.wait({self.ended})

    async def _watch(self) -> int:
        with suppress(ConnectionError):
            while await self._speaks():
                self._ready.set()
        self._writer.close()
        return await self._process.wait()

    async def _speaks(self) -> bool:
        silent = 0
        while silent < SILENT_SECONDS:
            # In steps: of the time for which this process was itself suspended, one counts.
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_SECONDS if self._ready.is_set() else None):
                    return bool(await self._reader.read(1024))
            silent += STEP_SECONDS
        logger.warning("worker unresponsive", worker=self.pid, silent_seconds=SILENT_SECONDS)
        self._send(signal.SIGKILL)
        return False

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
