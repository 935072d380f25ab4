"""A real Redis, as installed on the machine."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port, wait_until_listening
from tests.support.programs import program


class RedisServer:
    """A separate Redis on a free port, which can be stopped and restarted."""

    def __init__(self, executable: str, folder: Path) -> None:
        self._command = [executable, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start Redis, and wait until it listens."""
        command = [*self._command, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until_listening(self.port, self._process)

    def stop(self) -> None:
        """Stop Redis."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Run a Redis. If it is not installed, skip the test, but not in CI."""
    server = RedisServer(program("redis-server", "valkey-server"), folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
