"""A real Redis, as installed on the machine."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class RedisServer:
    """A separate Redis on a free port, which can be stopped and restarted."""

    def __init__(self, executable: str, folder: Path) -> None:
        self._command = [executable, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start Redis, and wait until it listens."""
        command = [*self._command, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("Redis does not listen")

    def stop(self) -> None:
        """Stop Redis."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Run a Redis. If it is not installed, skip the test, but not in CI."""
    executable = shutil.which("redis-server") or shutil.which("valkey-server")
    if executable is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("there is no redis-server on the PATH")
    server = RedisServer(executable, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
