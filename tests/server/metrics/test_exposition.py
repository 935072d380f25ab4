"""The endpoint of the metrics, and the folder that stores them."""

import fcntl
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.server.http.listener import BindError
from app.server.observability.metrics import FOLDER, exposition, recording, serve_metrics
from tests.support.live_server import LiveServer
from tests.support.metrics import scrape
from tests.support.ports import free_port


async def test_who_connects_and_says_nothing_keeps_nobody_waiting(
    client: httpx.AsyncClient, bind: str
) -> None:
    host, _, port = bind.partition(":")
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(socket.create_connection((host, int(port))))
        assert "taskward_build_info" in scrape(bind).names
        assert (await client.get("/api/me")).status_code == 200


def test_the_port_is_closed_at_the_end(tmp_path: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    with exposition.serve(bind, str(tmp_path)):
        assert scrape(bind).names == {"taskward_build_info"}
    with pytest.raises(httpx.ConnectError):
        scrape(bind)


def test_the_room_that_values_need_is_there_from_the_start(server: LiveServer) -> None:
    assert server.port
    files = list(Path(os.environ[FOLDER]).glob("*.db"))
    assert len(files) >= 3
    for file in files:
        assert file.stat().st_size == recording.FILE_BYTES
        assert file.stat().st_blocks * 512 >= recording.FILE_BYTES


def test_the_folder_is_locked_against_those_who_tidy_up(server: LiveServer) -> None:
    assert server.port
    descriptor = os.open(os.environ[FOLDER], os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(descriptor)


def test_an_address_that_cannot_be_listened_on_is_named(server: LiveServer, bind: str) -> None:
    assert server.port
    for address, reason in ((bind, "Address already in use"), ("host.invalid:1", "")):
        with pytest.raises(BindError) as raised, serve_metrics(address):
            pass
        expected = f"METRICS_BIND: cannot listen on {address}: {reason}"
        assert str(raised.value).startswith(expected)
