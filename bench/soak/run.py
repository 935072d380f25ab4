"""Load on a server over many connections, and samples of its memory."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import NamedTuple

from app.database import embedded
from bench.connection import Connection
from bench.databases import Databases
from bench.servers import serve
from bench.soak.mix import live
from bench.systems import TASKWARD
from bench.usage import resident_megabytes
from tests.support.folders import open_folder

EVERY_SECONDS = 2


class Look(NamedTuple):
    """The number of responses so far, and the memory of the server in MB."""

    answered: int
    megabytes: float


class _Tally:
    """Counts the requests of all threads, up to a number."""

    def __init__(self, enough: int) -> None:
        self.count = 0
        self._enough = enough
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def add(self) -> bool:
        """Count one request; return whether to send more."""
        with self._lock:
            self.count += 1
        return self.count < self._enough and not self._stopped.is_set()

    def stop(self) -> None:
        """Make `add` return False from now on."""
        self._stopped.set()


def soak(requests: int, connections: int, show: Callable[[Look], None]) -> list[Look]:
    """Send `requests` requests to one process; return the samples, the first one at rest."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(cluster.url)
        databases.make_for_taskward(TASKWARD.name)
        server = stack.enter_context(serve(TASKWARD, databases.url(TASKWARD.name), folder))
        tally = _Tally(requests)
        looks: list[Look] = []

        def look() -> None:
            looks.append(Look(tally.count, resident_megabytes(server.pid)))
            show(looks[-1])

        look()
        threads = stack.enter_context(ThreadPoolExecutor(connections))
        stack.callback(tally.stop)
        lives = [threads.submit(_keep_busy, server.base_url, n, tally) for n in range(connections)]
        while wait(lives, EVERY_SECONDS).not_done:
            look()
        for life in lives:
            life.result()
        look()
        return looks


def _keep_busy(base_url: str, seed: int, tally: _Tally) -> None:
    try:
        with Connection(base_url) as connection:
            for _ in live(connection, seed):
                if not tally.add():
                    return
    finally:
        tally.stop()
