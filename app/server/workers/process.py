"""A worker process as its supervisor sees it, and the channel between the two."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path

import structlog

from ..http.run import CLOSING_SECONDS
from ..http.serving import GRACEFUL_SECONDS

END_SECONDS = CLOSING_SECONDS + GRACEFUL_SECONDS + 5
"""How long a worker may take to exit after SIGTERM. Then it is killed."""
SILENT_SECONDS = 30
"""How long a worker that was ready may send no heartbeat. Then it is killed."""
STEP_SECONDS = 1
"""The step in which the silence is counted."""

logger = structlog.get_logger("app.workers")


class Worker:
    """A running worker process.

    The channel is a socket on its standard input. The supervisor sends the config over it. The
    worker sends heartbeats: the first when it is ready, then one every second.
    """

    def __init__(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ready = asyncio.Event()
        """Set by the first heartbeat."""
        self.ended = asyncio.create_task(self._watch())
        """Completes when the process has exited, with its exit status."""

    @classmethod
    async def start(cls, module: str, descriptor: int, config: bytes) -> "Worker":
        """Run `module` in a new process, with the descriptor of the listening socket.

        The process is not forked without `exec`, because this process may have threads. It does
        not import from the working folder (`-P`), which may belong to another program. Raises
        `OSError` if the process cannot be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, str(descriptor)),
                env=_environment(),
                stdin=theirs.fileno(),
                pass_fds=[descriptor],
                start_new_session=True,  # Ctrl-C reaches the supervisor alone; it stops workers
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(config + b"\n")
        logger.info("worker started", worker=process.pid)
        return cls(process, reader, writer)

    @property
    def is_serving(self) -> bool:
        """True from the first heartbeat until the process exits."""
        return self._ready.is_set() and not self.ended.done()

    async def is_ready(self) -> bool:
        """Wait until the worker is ready or has exited. Return whether it became ready."""
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self._ready.is_set()

    def announce_end(self) -> None:
        """Make a worker that is ready report that it is not. It continues to serve."""
        if self._ready.is_set():  # before, it does not handle the signal
            self._send(signal.SIGUSR1)

    async def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal, and wait until the worker has exited.

        After `END_SECONDS` the worker is killed.
        """
        # In a worker that still starts, SIGINT raises KeyboardInterrupt, which a library could
        # swallow.
        self._send(number if self._ready.is_set() else signal.SIGTERM)
        await asyncio.wait({self.ended}, timeout=END_SECONDS)
        if not self.ended.done():
            logger.warning("worker killed", worker=self.pid, after_seconds=END_SECONDS)
            self._send(signal.SIGKILL)
            await asyncio.wait({self.ended})

    async def _watch(self) -> int:
        with suppress(ConnectionError):
            while await self._has_heartbeat():
                self._ready.set()
        self._writer.close()
        return await self._process.wait()

    async def _has_heartbeat(self) -> bool:
        silent = 0
        while silent < SILENT_SECONDS:
            # Count in steps, so that a suspension of this process counts as one step.
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


def _environment() -> dict[str, str]:
    """Return the environment of a worker, in which it finds the same package as this process."""
    folder = str(Path(__file__).parents[3])
    # The first entry is the folder of the script, or the working folder: a worker has neither.
    if folder in sys.path[1:]:
        return {**os.environ}
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{others}" if others else folder}
