"""The supervisor of several worker processes that serve on one listening socket."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import structlog

from ..http.draining import stop_signal
from ..http.listener import Listener
from ..lifecycle import Lifecycle
from .process import Worker
from .reload_socket import reload_socket
from .tally import WorkerTally

STEADY_SECONDS = 60
"""How long a worker must run for the next pause to be the first one again."""
FIRST_PAUSE_SECONDS = 0.1
"""The pause before a worker that exited is restarted. It triples with each exit in a row."""
LONGEST_PAUSE_SECONDS = 30
READY_STEP_SECONDS = 0.05
"""The interval of checks whether all workers are ready."""

logger = structlog.get_logger("app.workers")


class ConfigReloadError(Exception):
    """No valid config for workers could be read. The message says why."""


def supervise(
    listener: Listener,
    tally: WorkerTally,
    module: str,
    read_config: Callable[[], bytes],
    lifecycle: Lifecycle,
) -> None:
    """Keep `tally.configured` workers running until SIGINT or SIGTERM, then stop them.

    A worker is a process that runs `module` and receives a config. On SIGHUP, and at a request over
    the reload socket, the supervisor reads a new config and replaces the workers one by one (a
    rolling restart). If `read_config` raises `ConfigReloadError`, or a new worker does not become
    ready, the remaining workers keep running. After SIGTERM the workers first drain: see
    `stop_signal`.
    """
    asyncio.run(_Supervisor(listener, tally, module, read_config, lifecycle).run())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # do not interrupt the end of an embedded database


class _Supervisor:
    def __init__(
        self,
        listener: Listener,
        tally: WorkerTally,
        module: str,
        read_config: Callable[[], bytes],
        lifecycle: Lifecycle,
    ) -> None:
        self._lifecycle = lifecycle
        self._listener = listener
        self._tally = tally
        self._module = module
        self._read_config = read_config
        self._config = read_config()
        """The config that new workers receive. A reload replaces it."""
        self._running: set[Worker] = set()
        """The worker processes that have not exited yet, including those that are being stopped."""
        self._reloads: asyncio.Queue[asyncio.Future[str | None]] = asyncio.Queue()
        """Requests to reload. Each future gets why that failed, or None."""
        tally.running = lambda: sum(worker.is_serving for worker in tuple(self._running))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Queue[signal.Signals]()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.put_nowait, number)
        loop.add_signal_handler(signal.SIGHUP, self._request_reload)
        slots = [_WorkerSlot(self._start, self._tally) for _ in range(self._tally.configured)]
        number = signal.SIGTERM
        try:
            async with reload_socket(self._request_reload), asyncio.TaskGroup() as group:
                tasks = [group.create_task(each.keep()) for each in slots]
                tasks.append(group.create_task(self._reload_on_request(slots)))
                watching = group.create_task(self._watch())

                def end_tasks() -> None:
                    for task in tasks:
                        task.cancel()

                def announce() -> None:
                    end_tasks()  # a new worker would report that it is ready
                    for each in self._running:
                        each.announce_end()

                life = self._lifecycle
                number = await stop_signal(stopped, life.drain_seconds, announce, life.stopping)
                end_tasks()
                watching.cancel()
        finally:
            # Close first: otherwise new clients would wait while the workers drain, and then be
            # reset.
            self._listener.close()
            await asyncio.gather(*(each.end(number) for each in self._running))

    async def _watch(self) -> None:
        """Report when all workers serve, then feed the watchdog while one of them does."""
        while self._tally.running() < self._tally.configured:  # noqa: ASYNC110 - several events
            await asyncio.sleep(READY_STEP_SECONDS)
        self._lifecycle.ready()
        await self._lifecycle.feed_watchdog(self._tally.running)

    async def _start(self) -> Worker:
        worker = await Worker.start(self._module, self._listener.descriptor, self._config)
        self._running.add(worker)
        worker.ended.add_done_callback(lambda _: self._running.discard(worker))
        return worker

    def _request_reload(self) -> "asyncio.Future[str | None]":
        request: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._reloads.put_nowait(request)
        return request

    async def _reload_on_request(self, slots: list["_WorkerSlot"]) -> None:
        while True:
            requests = [await self._reloads.get()]
            while not self._reloads.empty():
                requests.append(self._reloads.get_nowait())
            failure: str | None = "the server is about to stop"
            try:
                self._lifecycle.reloading()
                failure = await self._reload(slots)
                self._tally.reloads["failed" if failure else "completed"] += 1
                self._lifecycle.reloaded(failure)
            finally:
                for each in requests:
                    if not each.done():
                        each.set_result(failure)

    async def _reload(self, slots: list["_WorkerSlot"]) -> str | None:
        """Replace all workers. Return why that failed, or None."""
        former = self._config
        try:
            self._config = self._read_config()
        except ConfigReloadError as error:
            logger.error("reload failed", reason=str(error))  # noqa: TRY400 - the reason says all
            return str(error)
        restarted = await self._restart_in_turn(slots)
        if restarted < len(slots):
            # If some workers have the new config, later replacements get it, too.
            self._config = self._config if restarted else former
            reason = "a new worker did not become ready"
            logger.error("reload failed", reason=reason, workers=restarted, of=len(slots))
            return f"{reason}; {restarted} of {len(slots)} workers were replaced. See the log."
        logger.info("reload completed", workers=restarted)
        return None

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
