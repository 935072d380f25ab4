"""The supervisor of several worker processes that serve on one listening socket."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import structlog

from ..http.draining import stop_signal
from ..http.listener import Listener
from .process import Worker
from .tally import WorkerTally

STEADY_SECONDS = 60
"""How long a worker must run for the next pause to be the first one again."""
FIRST_PAUSE_SECONDS = 0.1
"""The pause before a worker that exited is restarted. It triples with each exit in a row."""
LONGEST_PAUSE_SECONDS = 30

logger = structlog.get_logger("app.workers")


class ConfigReloadError(Exception):
    """No valid config for workers could be read. The message says why."""


def supervise(
    listener: Listener,
    tally: WorkerTally,
    module: str,
    read_config: Callable[[], bytes],
    *,
    drain_seconds: float = 0,
) -> None:
    """Keep `tally.configured` workers running until SIGINT or SIGTERM, then stop them.

    A worker is a process that runs `module` and receives a config. On SIGHUP the supervisor reads
    a new config and replaces the workers one by one (a rolling restart). If `read_config` raises
    `ConfigReloadError`, or a new worker does not become ready, the remaining workers keep running.
    After SIGTERM the workers first drain: see `stop_signal`.
    """
    asyncio.run(_Supervisor(listener, tally, module, read_config).run(drain_seconds))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # do not interrupt the end of an embedded database


class _Supervisor:
    def __init__(
        self,
        listener: Listener,
        tally: WorkerTally,
        module: str,
        read_config: Callable[[], bytes],
    ) -> None:
        self._listener = listener
        self._tally = tally
        self._module = module
        self._read_config = read_config
        self._config = read_config()
        """The config that new workers receive. A reload replaces it."""
        self._running: set[Worker] = set()
        """The worker processes that have not exited yet, including those that are being stopped."""
        tally.running = lambda: sum(worker.is_serving for worker in tuple(self._running))

    async def run(self, drain_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        stopped, hung_up = asyncio.Queue[signal.Signals](), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.put_nowait, number)
        loop.add_signal_handler(signal.SIGHUP, hung_up.set)
        slots = [_WorkerSlot(self._start, self._tally) for _ in range(self._tally.configured)]
        number = signal.SIGTERM
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each.keep()) for each in slots]
                tasks.append(group.create_task(self._reload_on_hangup(hung_up, slots)))

                def end_tasks() -> None:
                    for task in tasks:
                        task.cancel()

                def announce() -> None:
                    end_tasks()  # a new worker would report that it is ready
                    for each in self._running:
                        each.announce_end()

                number = await stop_signal(stopped, drain_seconds, announce)
                end_tasks()
        finally:
            # Close first: otherwise new clients would wait while the workers drain, and then be
            # reset.
            self._listener.close()
            await asyncio.gather(*(each.end(number) for each in self._running))

    async def _start(self) -> Worker:
        worker = await Worker.start(self._module, self._listener.descriptor, self._config)
        self._running.add(worker)
        worker.ended.add_done_callback(lambda _: self._running.discard(worker))
        return worker

    async def _reload_on_hangup(self, hung_up: asyncio.Event, slots: list["_WorkerSlot"]) -> None:
        while await hung_up.wait():
            hung_up.clear()
            former = self._config
            try:
                self._config = self._read_config()
            except ConfigReloadError as error:
                logger.error("reload failed", reason=str(error))  # noqa: TRY400 - the reason says all
                self._tally.reloads["failed"] += 1
                continue
            restarted = await self._restart_in_turn(slots)
            if restarted < len(slots):
                # If some workers have the new config, later replacements get it, too.
                self._config = self._config if restarted else former
                logger.error("reload failed", workers=restarted, of=len(slots))
                self._tally.reloads["failed"] += 1
            else:
                logger.info("reload completed", workers=restarted)
                self._tally.reloads["completed"] += 1

    async def _restart_in_turn(self, slots: list["_WorkerSlot"]) -> int:
        for restarted, slot in enumerate(slots):
            if not await slot.replace():
                return restarted
        return len(slots)


class _WorkerSlot:
    """A slot for one worker, which is replaced when it exits and during a rolling restart."""

    def __init__(self, start: Callable[[], Awaitable[Worker]], tally: WorkerTally) -> None:
        self._start = start
        self._tally = tally
        self._requests: asyncio.Queue[asyncio.Future[bool]] = asyncio.Queue()
        """Requests to replace the worker. Each future gets whether that succeeded."""

    async def replace(self) -> bool:
        """Replace the worker by a new one, then stop the old one.

        Return whether the new worker became ready. If not, the old one continues.
        """
        request: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._requests.put_nowait(request)
        return await request

    async def keep(self) -> None:
        """Run a worker, and start another one whenever it exits."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            end = await self._run()
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.warning("worker exited", **end, restart_in_seconds=pause)
            self._tally.restarts += 1
            await asyncio.sleep(pause)
            # A fault that ends each worker at its start must not keep the machine busy.
            pause = min(3 * pause, LONGEST_PAUSE_SECONDS)

    async def _run(self) -> dict[str, object]:
        try:
            worker = await self._start()
        except OSError as error:  # such as too many processes
            return {"reason": str(error)}
        while request := await self._request(worker):
            successor = await self._start_successor()
            if successor is not None:
                worker, former = successor, worker
                await former.end()
            request.set_result(successor is not None)
        return {"worker": worker.pid, "status": worker.ended.result()}

    async def _request(self, worker: Worker) -> asyncio.Future[bool] | None:
        """Wait for a request to replace the worker. Return None if the worker exits before."""
        request = asyncio.create_task(self._requests.get())
        await asyncio.wait({request, worker.ended}, return_when=asyncio.FIRST_COMPLETED)
        if request.done():
            return request.result()
        request.cancel()
        return None

    async def _start_successor(self) -> Worker | None:
        try:
            worker = await self._start()
        except OSError as error:
            logger.error("worker start failed", reason=str(error))  # noqa: TRY400 - the reason says all
            return None
        return worker if await worker.is_ready() else None
