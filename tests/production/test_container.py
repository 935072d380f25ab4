"""The image, built and run by the commands of the guides, on each version of Python."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands.clients import Clients, stored
from tests.deploy.page import blocks
from tests.production.docker import NAME, PODMAN
from tests.support.debian_postgres import debian_binaries, plain_server
from tests.support.folders import ROOT, world_readable_tmp
from tests.support.ports import free_port
from tests.support.programs import program, skip
from tests.support.tokens import OTHER_SECRET, SECRET, bearer
from tests.support.waiting import wait_until

BASES = {
    "3.11-slim-bookworm": "bookworm",
    "3.13-slim-trixie": "trixie",
    "3.14-slim-trixie": "forky",
}
"""Releases of Debian with the Python of a base image."""
PACKAGES = "ca-certificates,python-is-python3,python3,python3-pip,python3-venv"
CONTEXT = ("app", "quart_contract", "deploy", "openapi.yaml", "pyproject.toml")
FILES = ("README.md", "LICENSE", ".dockerignore", "requirements.txt")


class Machine:
    """A checkout, a PostgreSQL, and a `docker` that runs the commands of the guides."""

    def __init__(self, folder: Path, tag: str, admin_url: str) -> None:
        self.home = folder / "taskward"
        self.bind = f"127.0.0.1:{free_port()}"
        self.base_url = f"http://{self.bind}"
        self.port = int(self.bind.rpartition(":")[2])
        self.python = tag.partition("-")[0]
        self._podman_root = folder / "podman"
        programs = folder / "bin"
        programs.mkdir()
        for name, commands in {
            "docker": f'exec {sys.executable} -m tests.production.docker "$@"',
            "git": "exit 0",
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{commands}\n")
            (programs / name).chmod(0o755)
        self._copy_checkout()
        self._environment = os.environ | {
            "ADMIN_URL": admin_url,
            "COMPOSE_FILE": "deploy/compose.yaml",
            "CONTAINER_BIND": self.bind,
            "COVERAGE_PROCESS_CONFIG": "",
            "PATH": f"{programs}:{debian_binaries()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": re.findall(r":(\d+)/", admin_url)[0],
            "PODMAN_ROOT": str(self._podman_root),
            "PYTHONPATH": str(ROOT),
            "PYTHON_TAG": tag,
            "VERSION": "0.3.0",
        }

    def _copy_checkout(self) -> None:
        self.home.mkdir()
        for name in CONTEXT:
            if (ROOT / name).is_dir():
                caches = shutil.ignore_patterns("__pycache__", ".env")
                shutil.copytree(ROOT / name, self.home / name, ignore=caches)
            else:
                shutil.copy(ROOT / name, self.home / name)
        for name in FILES:
            shutil.copy(ROOT / name, self.home / name)

    def run(self, commands: str) -> str:
        """Run commands of a guide, all of which must succeed. Return their output."""
        finished = subprocess.run(
            ["/bin/bash", "-euc", commands],
            cwd=self.home,
            env=self._environment | {"PGPASSWORD": self._password()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    def _password(self) -> str:
        file = self.home / "deploy" / ".env"
        found = (
            re.findall(r"(?m)^POSTGRES_PASSWORD=(.+)$", file.read_text()) if file.exists() else []
        )
        return found[0] if found else ""

    def podman(self, *arguments: str) -> str:
        """Run podman, which must succeed. Return its output."""
        command = [*PODMAN[:-1], str(self._podman_root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def import_base(self, tag: str, suite: str) -> None:
        """Make the base image from packages of Debian, under the name in the Dockerfile."""
        archive = self.home.with_name("base.tar")
        # A mirror can be days behind, and the index of a release in the making expires after one.
        behind = '--aptopt=Acquire::Check-Valid-Until "false"'
        options = "--variant=apt", f"--include={PACKAGES}", "--quiet", behind
        subprocess.run([program("mmdebstrap"), *options, suite, archive], check=True)
        self.podman("import", "--quiet", str(archive), f"docker.io/library/python:{tag}")
        archive.unlink()

    def state(self) -> dict[str, Any]:
        """Return the state of the container."""
        state: dict[str, Any] = json.loads(self.podman("inspect", NAME))[0]["State"]
        return state

    def remove(self) -> None:
        """Remove containers and images."""
        self.podman("rm", "--all", "--force", "--time=1")
        self.podman("rmi", "--all", "--force")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the image with each Python, and those of the guides with the first."""
    tags = [*BASES] if metafunc.function in WITH_EACH_PYTHON else [*BASES][:1]
    metafunc.parametrize("machine", tags, indirect=True, scope="module")


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Yield a machine with the image, after the commands of the installation."""
    if os.geteuid() != 0:
        skip("needs root")
    for name in ("podman", "runc", "mmdebstrap"):
        program(name)
    tag: str = request.param
    with world_readable_tmp() as folder, plain_server() as admin:
        machine = Machine(folder, tag, admin.text)
        try:
            machine.import_base(tag, BASES[tag])
            install, _ = blocks("install", "bash")
            said = machine.run(install)
            assert "ok    isolation" in said
            yield machine
        finally:
            machine.remove()


@pytest.fixture(autouse=True)
def _with_known_secret(machine: Machine) -> None:
    """Replace the secret of the installation by that of the tests."""
    file = machine.home / "deploy" / ".env"
    text = re.sub(r"(?m)^BETTER_AUTH_SECRET.*\n", "", file.read_text())
    file.write_text(f"{text}\nBETTER_AUTH_SECRET={SECRET}\n")
    machine.run("docker compose up --detach --wait")


def status(machine: Machine, secret: str = SECRET) -> int:
    return httpx.get(f"{machine.base_url}/api/me", headers=bearer("ada", secret)).status_code


def test_a_task_is_created_and_read(machine: Machine) -> None:
    with httpx.Client(base_url=machine.base_url, headers=bearer("ada")) as client:
        assert client.get("/health/ready").json()["status"] == "ready"
        location = client.post("/api/tasks", json={"title": "x"}).headers["Location"]
        assert client.get(location).json()["title"] == "x"


def test_the_container_may_do_little(machine: Machine) -> None:
    said = machine.podman("exec", NAME, "sh", "-c", "id -u; grep CapEff /proc/1/status; umask")
    assert said.split()[:3] == ["10001", "CapEff:", "0" * 16]
    for folder in ("/", "/taskward", "/taskward/venv", "/root"):
        with pytest.raises(subprocess.CalledProcessError):
            machine.podman("exec", NAME, "touch", f"{folder}/x")


def test_commands_work_in_the_container(machine: Machine) -> None:
    said = machine.podman("exec", NAME, "taskward", "--version")
    assert f"Python {machine.python}." in said
    assert "taskward doctor" not in machine.podman("exec", NAME, "taskward", "doctor")
    token = machine.podman("exec", NAME, "taskward", "token", "ada").strip()
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{machine.base_url}/api/me", headers=headers).status_code == 200


def test_a_stop_under_load_loses_no_acknowledged_task(machine: Machine) -> None:
    clients = Clients(machine, "eve")
    with clients.running(4):
        clients.wait_for_more(20)
        machine.run("docker compose stop taskward")
    assert machine.state()["ExitCode"] == 0
    machine.run("docker compose up --detach --wait")
    assert {*clients.acknowledged} <= {*stored(machine, "eve")}


def test_an_upgrade_keeps_the_tasks(machine: Machine) -> None:
    clients = Clients(machine, "una")
    with clients.running(1):
        clients.wait_for_more(1)
    (upgrade,) = blocks("upgrade", "bash")
    assert "at revision" in machine.run(upgrade)
    assert {*clients.acknowledged} == {*stored(machine, "una")}


def test_a_secret_is_rotated(machine: Machine) -> None:
    begin, end = blocks("rotate-secrets", "bash")
    machine.run(begin)
    new = (machine.home / "deploy" / ".env").read_text().rpartition("BETTER_AUTH_SECRET=")[2]
    assert [status(machine, each) for each in (SECRET, new.strip(), OTHER_SECRET)] == [
        200,
        200,
        401,
    ]
    machine.run(end)
    assert [status(machine, each) for each in (SECRET, new.strip())] == [401, 200]


def test_a_backup_is_restored(machine: Machine) -> None:
    backup, restore = blocks("back-up-and-restore", "bash")
    with httpx.Client(base_url=machine.base_url, headers=bearer("bob")) as client:
        client.post("/api/tasks", json={"title": "before"})
        machine.run(backup)
        client.post("/api/tasks", json={"title": "after"})
        since = client.get("/api/tasks/changes").json()["next"]
        machine.run(restore)
        assert [each["title"] for each in client.get("/api/tasks").json()["items"]] == ["before"]
        assert client.get("/api/tasks/changes", params={"since": since}).status_code == 410


def test_the_image_runs_alone(machine: Machine) -> None:
    _, alone = blocks("install", "bash")
    machine.run("docker compose stop taskward && docker rm taskward")
    password, port = machine._password(), machine._environment["PGPORT"]  # noqa: SLF001
    (machine.home / "taskward.env").write_text(
        f"DATABASE_URL=postgresql://taskward:{password}@127.0.0.1:{port}/taskward\n"
        f"BETTER_AUTH_SECRET={SECRET}\n"
    )
    alone = re.sub(r"--publish \S+ ", "", alone)  # it is in the network of this machine
    start, look = alone.split("docker exec")
    machine.run(start)
    wait_until(lambda: _serves(machine))
    assert "ok    isolation" in machine.run(f"docker exec{look}")
    assert status(machine) == 200


def _serves(machine: Machine) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{machine.base_url}/health/live").status_code == 200
    return False


WITH_EACH_PYTHON = {
    test_a_task_is_created_and_read,
    test_commands_work_in_the_container,
    test_a_stop_under_load_loses_no_acknowledged_task,
}
