"""`serve` reports its state to systemd, and `reload` waits for the outcome."""

import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import structlog

from app.server.observability.journal import leads_to_journal
from app.server.service_manager import ServiceManager
from app.server.workers.reload_socket import ReloadSocketError, reload_socket, request_reload
from tests.support.clients import get
from tests.support.taskward import Taskward, workers_of
from tests.support.waiting import wait_until


class Manager:
    """The end of the messages that systemd has, at an abstract socket or at one in a folder."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._messages: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    def _receive(self) -> None:
        while message := self._socket.recv(4096):
            self._messages.put(message.decode().splitlines())

    def until(self, line: str) -> list[list[str]]:
        """Return the messages up to one that has this line."""
        messages = [self._messages.get(timeout=60)]
        while line not in messages[-1]:
            messages.append(self._messages.get(timeout=60))
        return messages

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._socket.close()


@contextmanager
def manager(address: str) -> Iterator[Manager]:
    with closing(Manager(address)) as listening:
        yield listening


@pytest.fixture
def watched(taskward: Taskward, settings_of_two: dict[str, str]) -> dict[str, str]:
    """Settings and variables with which systemd starts a service."""
    del settings_of_two["COVERAGE_PROCESS_CONFIG"]
    return settings_of_two | {
        "LOG_LEVEL": "info",
        "RUNTIME_DIRECTORY": str(taskward.folder),
        "WATCHDOG_USEC": "3000000",
    }


def test_systemd_hears_of_every_turn_of_several_workers(
    taskward: Taskward, watched: dict[str, str]
) -> None:
    with manager(f"@taskward-{os.getpid()}") as systemd:
        server = taskward.start("serve", **watched, NOTIFY_SOCKET=systemd.address)
        begin = systemd.until("READY=1")
        assert begin[0] == ["STATUS=Starting"]
        assert begin[-1][1] == f"STATUS=Serving at {taskward.bind} with 2 workers"
        assert get(taskward, "/health/ready").status_code == 200
        former = workers_of(server)
        assert len(former) == 2
        systemd.until("WATCHDOG=1")
        assert taskward.run("reload", **watched).out == "All workers were replaced.\n"
        reload = [each for each in systemd.until("READY=1") if each != ["WATCHDOG=1"]]
        assert reload[0][0] == "RELOADING=1"
        assert reload[0][1].startswith("MONOTONIC_USEC=")
        assert {*workers_of(server)}.isdisjoint(former)
        (taskward.folder / ".env").write_bytes(b"\xff")
        finished = taskward.run("reload", **watched)
        assert (finished.status, finished.out) == (1, "")
        assert finished.err.startswith("taskward: the reload failed: .env cannot be read")
        status = systemd.until("READY=1")[-1][1]
        assert "(the last reload failed: .env cannot be read" in status
        stopped = taskward.stop(server, signal.SIGTERM)
        systemd.until("STOPPING=1")
    events = [json.loads(line)["event"] for line in stopped.err.splitlines()]
    assert [each for each in events if each.startswith("server")] == [
        "server starting",
        "server ready",
        "server stopping",
        "server stopped",
    ]
    assert "cannot reach a server" in taskward.run("reload", **watched).err


def test_systemd_hears_of_a_single_process(taskward: Taskward, watched: dict[str, str]) -> None:
    with manager(str(taskward.folder / "notify")) as systemd:
        variables = watched | {"WORKERS": "1", "NOTIFY_SOCKET": systemd.address}
        server = taskward.start("serve", **variables)
        systemd.until("READY=1")
        systemd.until("WATCHDOG=1")
        assert get(taskward, "/health/live").status_code == 200
        assert get(taskward, "/health/ready").status_code == 200
        refused = taskward.run("reload", **watched)
        assert "WORKERS above 1" in refused.err
        stopped = taskward.stop(server)
        assert systemd.until("STOPPING=1")[-1][1] == "STATUS=Stopping after SIGINT"
    lines = [json.loads(line) for line in stopped.err.splitlines()]
    # Probes are not logged.
    assert [each for each in lines if each["event"] == "request"] == []
    assert [each.get("reason") for each in lines if each["event"] == "server stopping"] == [
        "SIGINT"
    ]


def test_a_reload_without_a_folder_says_what_to_do(taskward: Taskward) -> None:
    finished = taskward.run("reload")
    assert finished.status == 1
    assert "Send SIGHUP to the server" in finished.err


def test_only_the_watched_process_feeds_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    found = ServiceManager.from_environment()
    assert found == ServiceManager("/nowhere", 2)
    assert "NOTIFY_SOCKET" not in os.environ
    found.send("READY=1")  # a manager that is gone disturbs nothing
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert ServiceManager.from_environment() == ServiceManager()


def test_lines_for_the_journal_have_priorities(
    taskward: Taskward, watched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taskward.log = taskward.folder / "log"
    taskward.log.touch()
    status = taskward.log.stat()
    journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    server = taskward.start("serve", **watched | journal | {"WORKERS": "none"})
    wait_until(lambda: server.poll() is not None)
    assert taskward.log.read_text().startswith("<3>taskward: Invalid settings:\n<3>  WORKERS: ")
    taskward.log.write_text("")
    console = watched | journal | {"WORKERS": "1", "LOG_FORMAT": "console"}
    server = taskward.serve("serve", **console)
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload ignored" in _text(taskward.log))
    taskward.stop(server)
    lines = _text(taskward.log).splitlines()
    assert all(line.startswith(("<4>", "<6>")) for line in lines)
    assert [line[:3] for line in lines if "reload ignored" in line] == ["<4>"]
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    with taskward.log.open() as stream:
        assert not leads_to_journal(stream)


def _text(path: Path | None) -> str:
    assert path is not None
    return path.read_text()


async def test_a_folder_that_is_missing_costs_the_reload_socket_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "missing"))
    with structlog.testing.capture_logs() as lines:
        async with reload_socket(never):
            pass
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("reload socket failed", "warning")
    ]


async def never() -> str | None:
    raise AssertionError


def test_a_server_that_stops_during_a_reload_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/run/other")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "reload.sock"))
        listener.listen()
        server = threading.Thread(target=_accept_and_close, args=(listener,))
        server.start()
        with pytest.raises(ReloadSocketError, match="stopped before the end"):
            request_reload()
        server.join()


def _accept_and_close(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.close()
