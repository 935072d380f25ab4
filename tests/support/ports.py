"""Ports for servers that tests start."""

import socket
import subprocess
import time


def free_port(host: str = "127.0.0.1") -> int:
    """Return a free port."""
    with socket.create_server((host, 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a started process listens. Raises `AssertionError` if it does not."""
    for _ in range(400):
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{process.args!r} does not listen")
