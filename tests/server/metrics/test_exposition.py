"""The endpoint of the metrics, and the folder that stores them."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from app.server.http.listener import BindError
from app.server.observability.metrics import FOLDER, exposition, recording, serve_metrics
from app.server.workers.tally import WorkerTally
from tests.support.folders import ROOT
from tests.support.live_server import LiveServer
from tests.support.metrics import scrape
from tests.support.ports import free_port
from tests.support.programs import program, skip

PROCESS = (
    "start_time_seconds",
    "cpu_seconds_total",
    "resident_memory_bytes",
    "open_fds",
    "max_fds",
)


async def test_silent_connections_delay_no_scrape(client: httpx.AsyncClient, bind: str) -> None:
    host, _, port = bind.partition(":")
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(socket.create_connection((host, int(port))))
        assert "taskward_build_info" in scrape(bind).names
        assert (await client.get("/api/me")).status_code == 200


def test_the_port_is_closed_at_the_end(tmp_path: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    with exposition.serve(bind, str(tmp_path), WorkerTally()):
        assert "taskward_build_info" in scrape(bind).names
    with pytest.raises(httpx.ConnectError):
        scrape(bind)


async def test_scrapes_that_fail_leave_a_line_and_no_traceback(
    bind: str, server: LiveServer, capfd: pytest.CaptureFixture[str]
) -> None:
    host, _, port = bind.partition(":")
    for _ in range(5):  # clients that disconnect before they have read anything
        with socket.create_connection((host, int(port))) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    broken = Path(os.environ[FOLDER]) / "counter_99.db"
    broken.write_bytes(struct.pack("ii", 64, 0) + b"\x7f" * 56)
    with pytest.raises(httpx.RemoteProtocolError):
        scrape(bind)
    broken.unlink()
    assert scrape(bind).value("taskward_workers_running") == 1
    assert server.port
    written = "".join(capfd.readouterr())
    assert 1 <= written.count("scrape failed") == written.count("RuntimeError")
    assert "Traceback" not in written


def test_the_name_of_the_host_is_not_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getfqdn", asked.append)
    bind = f"127.0.0.1:{free_port()}"
    with exposition.serve(bind, str(tmp_path), WorkerTally()):
        assert scrape(bind).names
    assert asked == []


async def test_the_process_is_measured(bind: str, server: LiveServer) -> None:
    found, own = scrape(bind), psutil.Process()
    assert server.port
    measured = {name: found.value(f"process_{name}", process="main") for name in PROCESS}
    assert abs(measured["start_time_seconds"] - own.create_time()) < 2
    assert 0 < measured["cpu_seconds_total"] <= sum(own.cpu_times()[:2])
    assert measured["resident_memory_bytes"] == pytest.approx(own.memory_info().rss, rel=0.1)
    assert 0 < measured["open_fds"] < measured["max_fds"]


def test_processes_are_measured_where_systemd_hides_proc_stat() -> None:
    # ProcSubset=pid of the unit mounts /proc without /proc/stat, from which the library reads.
    script = (
        "from app.server.observability.metrics import processes, slots; import os;"
        "found = processes.process_metrics([slots.Slot(0, os.getpid())]);"
        "print(*(each.name for each in found), os.path.exists('/proc/stat'))"
    )
    hidden = f"mount -t proc -o subset=pid proc /proc && exec {sys.executable} -c {script!r}"
    command = [program("unshare"), "--mount", "--pid", "--fork", "sh", "-c", hidden]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "permitted" in finished.stderr:
        skip("may not mount")
    names = [f"process_{name.removesuffix('_total')}" for name in PROCESS]
    assert {*names, "False"} <= {*finished.stdout.split()}, finished.stderr


def test_the_room_that_values_need_is_there_from_the_start(server: LiveServer) -> None:
    assert server.port
    files = list(Path(os.environ[FOLDER]).glob("*.db"))
    assert len(files) >= 4
    for file in files:
        assert file.stat().st_size == recording.FILE_BYTES
        (used,) = struct.unpack("i", file.read_bytes()[:4])
        assert used < recording.FILE_BYTES / 2
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
        with pytest.raises(BindError) as raised, serve_metrics(address, WorkerTally()):
            pass
        expected = f"METRICS_BIND: cannot listen on {address}: {reason}"
        assert str(raised.value).startswith(expected)
