"""Fixtures: two machines that serve one API."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.database.driver.url import DatabaseUrl
from app.settings import Settings
from tests import tokens
from tests.commands.conftest import ROOT
from tests.machines.network import Place, network
from tests.machines.proxy import Proxy, proxy
from tests.support.addresses import Address, address_of, moved
from tests.support.empty_database import make_empty_database
from tests.support.folders import open_folder
from tests.support.redis_server import redis_server

LIMIT = 500
"""The requests that a user may send in an hour, far more than the tests of the API send."""


@dataclass(frozen=True)
class Fleet:
    """The machines behind a proxy."""

    proxy: Proxy
    database_url: str
    """The URL by which this machine reaches the shared database."""

    @property
    def base_url(self) -> str:
        """The address of the proxy."""
        return f"http://127.0.0.1:{self.proxy.port}"


@pytest.fixture(scope="module")
async def fleet(database_url: DatabaseUrl) -> AsyncIterator[Fleet]:
    """Start two `serve` processes at the same time on an empty database."""
    async with make_empty_database(database_url) as empty:
        with open_folder() as folder, ExitStack() as running:
            redis = running.enter_context(redis_server(folder))
            made = running.enter_context(network())
            before = running.enter_context(
                proxy(made, folder, address_of(empty), Address("127.0.0.1", redis.port))
            )
            database, counters = before.shared
            shared = {
                "DATABASE_URL": moved(empty, made.host, database).render_as_string(False),
                "RATE_LIMIT_STORAGE": f"redis://{made.host}:{counters}",
            }
            started = [
                running.enter_context(_machine(place, folder / str(number), shared))
                for number, place in enumerate(made.places)
            ]
            for process, place in zip(started, made.places, strict=True):
                _wait_for(process, place)
            yield Fleet(before, empty.text)


@contextmanager
def _machine(
    place: Place, folder: Path, shared: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields
    } | {
        **shared,
        "BETTER_AUTH_SECRET": tokens.SECRET,
        "BIND": f"{place.host}:{place.port}",
        "CORS_ORIGINS": "https://app.example.com",
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "error",
        "RATE_LIMIT": f"{LIMIT}/hour",
        "TRUSTED_PROXY_HOPS": "1",
    }
    process = subprocess.Popen(
        [*place.prefix, sys.executable, "-m", "app", "serve"], env=environment, cwd=ROOT
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(process: "subprocess.Popen[bytes]", place: Place) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://{place.host}:{place.port}/health/live", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the machine at {place.host} does not answer")
