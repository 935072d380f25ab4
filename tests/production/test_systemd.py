"""The units under a real systemd: it knows when Taskward is ready, hangs, reloads and stops."""

import json
import re
import signal
import time
from collections.abc import Iterator

import pytest

from app.database.driver.url import DatabaseUrl
from tests.commands.clients import Clients, stored
from tests.production.machine import Machine, boot
from tests.support.addresses import address_of, moved
from tests.support.clients import get
from tests.support.folders import ROOT, world_readable_tmp
from tests.support.ports import free_port
from tests.support.relay import relay
from tests.support.tokens import SECRET
from tests.support.waiting import wait_until

DEPLOY = ROOT / "deploy"
SERVICE = "taskward.service"
PATIENT_SECONDS = 60
WATCHDOG_SECONDS = 8


class Service:
    """Taskward as a service of a machine."""

    def __init__(self, machine: Machine, url: str) -> None:
        self.machine = machine
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        units = machine.root / "etc/systemd/system"
        (units / SERVICE).write_text(_with_credential((DEPLOY / SERVICE).read_text()))
        (units / f"{SERVICE}.d").mkdir()
        impatient = f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\n"
        (units / f"{SERVICE}.d" / "watchdog.conf").write_text(impatient)
        listening = (DEPLOY / "taskward.socket").read_text()
        (units / "taskward.socket").write_text(listening.replace("8000", str(self.port)))
        (machine.root / "etc/taskward").mkdir(mode=0o700)
        (machine.root / "etc/taskward/better_auth_secret").write_text(f"{SECRET}\n")
        (machine.root / "etc/taskward.env").write_text(
            f"DATABASE_URL='{url}'\nBIND=fd://3\nWORKERS=2\n"
        )
        machine.run("systemctl", "daemon-reload")

    def systemctl(self, *arguments: str) -> tuple[int, str]:
        """Run systemctl on the service; return its status and output."""
        return self.machine.finished("systemctl", *arguments, SERVICE)

    def show(self, name: str) -> str:
        """Return a property of the service."""
        return self.machine.show(SERVICE, name)

    def workers(self) -> set[str]:
        """Return the process ids of the workers."""
        return {
            line.split()[0]
            for line in self.machine.run("ps", "-A", "-o", "pid,args").splitlines()
            if "taskward.commands.worker" in line
        }

    def events(self, *options: str) -> list[str]:
        """Return the log events of the service, oldest first."""
        lines = self.machine.journal(SERVICE, *options).splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]


def _with_credential(unit: str) -> str:
    """Return the unit with the secret of its example."""
    return re.sub(r"(?m)^# (LoadCredential|Environment=BETTER_AUTH_SECRET_FILE)", r"\1", unit)


@pytest.fixture(scope="module")
def service(database_url: DatabaseUrl) -> Iterator[Service]:
    address = address_of(database_url)
    with (
        world_readable_tmp() as folder,
        boot(folder) as machine,
        relay(address.port, address.host) as line,
    ):
        url = moved(database_url, "127.0.0.1", line.port).render_as_string(hide_password=False)
        yield Service(machine, url)


@pytest.fixture
def running(service: Service) -> Service:
    """The service, which is active."""
    status, said = service.systemctl("start")
    assert status == 0, f"{said}\n{service.machine.journal(SERVICE)}"
    return service


def test_a_start_ends_when_all_workers_serve(service: Service) -> None:
    assert service.systemctl("stop")[0] == 0
    assert service.systemctl("--no-block", "start")[0] == 0
    assert service.show("ActiveState") == "activating"
    wait_until(lambda: service.show("ActiveState") != "activating")
    assert service.show("ActiveState") == "active"
    assert "server ready" in service.events()
    assert service.show("StatusText") == "Serving at fd://3 with 2 workers"
    assert len(service.workers()) == 2
    # The token is signed with the secret that systemd has read from a file.
    assert get(service, "/api/me", "ada").status_code == 200
    credentials = service.machine.root / f"proc/{service.show('MainPID')}/environ"
    assert SECRET not in credentials.read_text()


def test_a_reload_ends_when_all_workers_are_new(running: Service) -> None:
    former = running.workers()
    assert running.systemctl("reload") == (0, "")
    assert running.workers().isdisjoint(former)
    assert len(running.workers()) == 2
    assert "reload completed" in running.events()


def test_a_reload_that_fails_is_reported(running: Service) -> None:
    former = running.workers()
    wrong = running.machine.home / ".env"
    wrong.write_text("MAX_TASKS_PER_USER=none\n")
    try:
        status, said = running.systemctl("reload")
    finally:
        wrong.unlink()
    assert status == 1
    assert "failed" in said
    assert running.show("ActiveState") == "active"
    assert "the last reload failed: a new worker did not" in running.show("StatusText")
    assert running.workers() == former
    assert get(running, "/health/ready").status_code == 200
    errors = running.machine.journal(SERVICE, "--priority=err")
    assert "taskward: Invalid settings:\n  MAX_TASKS_PER_USER: " in errors
    assert running.events("--priority=err")[-1] == "reload failed"
    assert "server ready" not in running.events("--priority=warning")


def test_a_restart_under_load_loses_no_request(running: Service, user: str) -> None:
    clients = Clients(running, user, timeout=PATIENT_SECONDS)
    with clients.running(8):
        clients.wait_for_more(50)
        assert running.systemctl("restart") == (0, "")
        clients.wait_for_more(50)
    assert clients.lost == 0
    assert set(clients.acknowledged) <= set(stored(running, user))


def test_a_service_that_hangs_is_restarted(running: Service) -> None:
    hung = running.show("MainPID")
    time.sleep(WATCHDOG_SECONDS + 1)
    assert running.show("MainPID") == hung
    running.machine.run("kill", f"-{signal.SIGSTOP:d}", hung)
    wait_until(lambda: running.show("MainPID") not in {hung, "0"})
    wait_until(lambda: running.show("ActiveState") == "active")
    assert "Watchdog timeout" in running.machine.journal(SERVICE)
    assert get(running, "/health/ready").status_code == 200


def test_a_stop_is_clean(running: Service) -> None:
    assert running.systemctl("stop")[0] == 0
    assert running.show("Result") == "success"
    assert running.show("ExecMainStatus") == "0"
    turns = [event for event in running.events() if event.startswith("server")]
    assert turns[-2:] == ["server stopping", "server stopped"]
    assert running.workers() == set()


def test_a_start_that_fails_has_its_reason_as_an_error(service: Service) -> None:
    assert service.systemctl("stop")[0] == 0
    settings = service.machine.root / "etc/taskward.env"
    text = settings.read_text()
    settings.write_text(f"{text}WORKERS=none\n")
    try:
        assert service.systemctl("start")[0] == 1
        service.systemctl("stop")
    finally:
        settings.write_text(text)
    errors = service.machine.journal(SERVICE, "--priority=err")
    assert "taskward: Invalid settings:\n  WORKERS: " in errors
