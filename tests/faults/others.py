"""Other users, whom one user's requests must not affect.

docs/explanation/reliability.md has the bounds.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from uuid import uuid4

from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import Ledger
from tests.faults.report import Row

TIMES = 4
"""How many times as long another user's median response may take."""
LATER_SECONDS = 0.25
"""How many seconds later another user's slowest response may come."""
HONEST = 8
ADDRESS = "127.0.0.2"
"""The address of the other users.

The abusing user has another one, because idle connections of its address are closed first.
"""
PAUSE_SECONDS = 0.015
LEAST = 10
"""The minimum of responses in a window."""
LONGEST_SECONDS = 20
"""The maximum of a window in seconds, if others get hardly any response."""


class Others:
    """Other users: one after the other creates, reads, lists and completes a task."""

    def __init__(self, environment: FaultEnvironment, ledger: Ledger) -> None:
        self.users = [f"other {number} {uuid4()}" for number in range(HONEST)]
        self._clients = [environment.client(each, ledger, ADDRESS) for each in self.users]
        self._ledger = ledger
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send requests until the context ends."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()
            for each in self._clients:
                each.close()

    def measure(self, lasts: Callable[[float], bool]) -> list[float]:
        """Return the seconds that each response took, while `lasts` returns True.

        `lasts` gets the seconds since the beginning. There are at least `LEAST` responses; if they
        take more than `LONGEST_SECONDS`, that time is the last value.
        """
        begin, began = len(self._ledger.requests), time.monotonic()
        measured: list[float] = []
        while lasts(waited := time.monotonic() - began) or len(measured) < LEAST:
            if waited > LONGEST_SECONDS and len(measured) < LEAST:
                return [*measured, waited]
            time.sleep(0.005)
            measured = [each.seconds for each in self._ledger.requests[begin:]]
        return measured

    def _run(self) -> None:
        for client in cycle(self._clients):
            steps: list[Callable[[str], object]] = [
                lambda id_, asks=client: asks.ask("GET", f"/api/tasks/{id_}"),  # type: ignore[misc]
                lambda _, asks=client: asks.ask("GET", "/api/tasks"),  # type: ignore[misc]
                client.complete,
            ]
            id_ = client.create("honest")
            for step in steps:
                if self._stopped.wait(PAUSE_SECONDS):
                    return
                if id_ is not None:
                    step(id_)
            if self._stopped.wait(PAUSE_SECONDS):
                return


def judge(row: Row, alone: list[float], beside: list[float], size: Size) -> None:
    """Require that others are hardly affected, and record their figures."""
    times = statistics.median(beside) / statistics.median(alone)
    later = max(beside) - max(alone)
    row.require(times <= TIMES * size.patience, f"others wait {times:.1f} times as long")
    row.require(later <= LATER_SECONDS * size.patience, f"others wait {later:.2f} s longer")
    row.note(
        f"median of others {statistics.median(alone) * 1000:.1f} ms without, "
        f"{statistics.median(beside) * 1000:.1f} ms with: **{times:.2f} times**; slowest "
        f"{max(alone) * 1000:.0f} and {max(beside) * 1000:.0f} ms"
    )
