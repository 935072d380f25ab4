"""SIGTERM: no request on an open connection is lost."""

import signal
import socket
import time

import pytest

from tests.support.http1 import LIVE
from tests.support.taskward import Taskward


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_draining_server_serves_open_connections(
    taskward: Taskward, settings_of_two: dict[str, str], workers: str
) -> None:
    server = taskward.serve("serve", **settings_of_two | {"WORKERS": workers})
    address = ("127.0.0.1", taskward.port)
    with socket.create_connection(address) as used, socket.create_connection(address) as fresh:
        used.sendall(LIVE)
        assert b"connection: close" not in used.recv(65536).lower()
        server.terminate()
        time.sleep(0.5)
        for each in (used, fresh):
            each.sendall(LIVE)
            response = b""
            while received := each.recv(65536):
                response += received
            assert response.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nconnection: close\r\n" in response.lower()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
    assert server.communicate(timeout=20) == ("", "")
    assert server.returncode == 0


def test_connections_that_nobody_uses_do_not_hold_up_the_end(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    seconds = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        server = taskward.serve("serve", **settings_of_two | {"WORKERS": "1"})
        with socket.create_connection(("127.0.0.1", taskward.port)):
            began = time.monotonic()
            assert taskward.stop(server, number).status == 0
            seconds[number] = time.monotonic() - began
    assert seconds[signal.SIGINT] < seconds[signal.SIGTERM] < 10
