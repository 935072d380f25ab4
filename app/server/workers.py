"""Several processes that serve on one listening socket, and their supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import structlog

from app.server.listener import Listener
from app.server.run import DRAIN_SECONDS
from app.server.serving import GRACEFUL_SECONDS

END_SECONDS = DRAIN_SECONDS + GRACEFUL_SECONDS + 5
"""How long a worker may take to end, once it is told to."""
STEADY_SECONDS = 60
"""How long a worker runs before earlier ends no longer count."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 30

logger = structlog.get_logger("app.workers")


def supervise(listener: Listener, count: int, module: str, order: bytes) -> None:
    """Keep `count` workers running until SIGINT or SIGTERM, and end them then.

    A worker is a fresh process of `module`, never a fork: this one may have threads. Its argument
    is the descriptor of the listening socket. Its standard input begins with `order`, and stays
    open for as long as this process lives.
    """

    async def start() -> Process:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, str(listener.descriptor)),
            stdin=subprocess.PIPE,
            pass_fds=[listener.descriptor],
            start_new_session=True,  # the terminal's Ctrl-C is for us, and we tell the workers
        )
        if worker.stdin is not None:
            worker.stdin.write(order)
        return worker

    asyncio.run(_supervise(listener, [_keep_running(start) for _ in range(count)]))


async def _supervise(listener: Listener, workers: list[Coroutine[None, None, None]]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in workers]
        await stopped.wait()
        # Else who connects while the last workers drain would wait, and then be reset.
        listener.close()
        for task in tasks:
            task.cancel()


async def _keep_running(start: Callable[[], Awaitable[Process]]) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        end = await _run_one(start)
        if time.monotonic() - began > STEADY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        logger.warning("worker ended", **end, again_in_seconds=pause)
        await asyncio.sleep(pause)
        # What ends each worker at its start would else keep the machine busy with starts.
        pause = min(3 * pause, LONGEST_PAUSE_SECONDS)


async def _run_one(start: Callable[[], Awaitable[Process]]) -> dict[str, object]:
    try:
        worker = await start()
    except OSError as error:  # such as that there may be no more processes
        return {"reason": str(error)}
    logger.info("worker started", worker=worker.pid)
    try:
        return {"worker": worker.pid, "status": await worker.wait()}
    finally:
        if worker.returncode is None:
            await _end(worker)


async def _end(worker: Process) -> None:
    with suppress(ProcessLookupError):
        worker.terminate()
        try:
            await asyncio.wait_for(worker.wait(), END_SECONDS)
        except TimeoutError:
            logger.warning("worker killed", worker=worker.pid, after_seconds=END_SECONDS)
            worker.kill()
            await worker.wait()


def end_with_supervisor() -> None:
    """End this process, a worker, as soon as its supervisor is gone, by whatever signal."""
    threading.Thread(target=_wait_for_end_of_supervisor, daemon=True).start()


def _wait_for_end_of_supervisor() -> None:
    # Not through sys.stdin: Python would wait for its lock at the end.
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)  # a thread, so that it comes true also where the event loop hangs
    os.kill(os.getpid(), signal.SIGKILL)
