"""Clients that keep a server with several workers busy, and record the acknowledged tasks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx

from tests.support.clients import Served, sync_client


@contextmanager
def in_threads(run: Callable[[], None], count: int, stopped: threading.Event) -> Iterator[None]:
    """Call `run` in `count` threads. On leaving, set `stopped` and wait until they end."""
    threads = [threading.Thread(target=run) for _ in range(count)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stopped.set()
        for each in threads:
            each.join()


class Clients:
    """Clients of one user, each with a persistent connection, that create task after task."""

    def __init__(self, server: Served, user: str, timeout: float = 10) -> None:
        self.acknowledged: list[str] = []
        self.lost = 0
        self._stopped = threading.Event()
        self._server, self._user, self._timeout = server, user, timeout

    def run(self) -> None:
        with sync_client(self._server, self._user, timeout=self._timeout) as client:
            while not self._stopped.wait(0.005):
                try:
                    response = client.post("/api/tasks", json={"title": "x"})
                except httpx.TransportError:
                    self.lost += 1
                else:
                    self.acknowledged.append(response.raise_for_status().json()["id"])

    def wait_for_more(self, count: int) -> None:
        """Wait until `count` more tasks are acknowledged. Raises `AssertionError` after 10 s."""
        due = len(self.acknowledged) + count
        for _ in range(1000):
            if len(self.acknowledged) >= due:
                return
            time.sleep(0.01)
        raise AssertionError("nothing is acknowledged any more")

    def running(self, count: int) -> AbstractContextManager[None]:
        return in_threads(self.run, count, self._stopped)


def stored(server: Served, user: str) -> list[str]:
    """Return the ids of all tasks of a user."""
    ids: list[str] = []
    with sync_client(server, user) as client:
        page = {"next_cursor": ""}
        while page["next_cursor"] is not None:
            cursor = {"cursor": page["next_cursor"]} if ids else {}
            response = client.get("/api/tasks", params={"limit": "200", **cursor})
            page = response.raise_for_status().json()
            ids += [task["id"] for task in page["items"]]
    return ids
