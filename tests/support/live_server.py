"""Run the app under the real Hypercorn, in a thread of the test process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.server.http.application import Application
from app.server.http.listener import listen
from app.server.http.run import run


@dataclass(frozen=True)
class LiveServer:
    """A running server."""

    app: Application
    port: int

    @property
    def base_url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def live(app: Application, keep_alive_seconds: float = 75) -> Iterator[LiveServer]:
    """Serve `app` on a free port. On leaving, stop it and wait for its end."""
    listener = listen("127.0.0.1:0", keep_alive_seconds)
    stopped = threading.Event()

    async def until_stopped() -> float:
        while not stopped.is_set():  # noqa: ASYNC110 - an event of another thread
            await asyncio.sleep(0.02)
        return 0  # close idle connections at once, such as those of a browser

    thread = threading.Thread(target=run, args=(app, listener, until_stopped))
    thread.start()
    try:
        yield LiveServer(app, listener.port)
    finally:
        stopped.set()
        thread.join(timeout=20)
        assert not thread.is_alive()
