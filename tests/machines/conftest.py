"""Fixtures: two machines that serve one API."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.database.driver.url import DatabaseUrl
from tests.machines.network import MachineAddress, network
from tests.machines.proxy import Proxy, proxy
from tests.support.addresses import Address, address_of, moved
from tests.support.empty_database import make_empty_database
from tests.support.folders import world_readable_tmp
from tests.support.redis_server import redis_server
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET

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
        with world_readable_tmp() as folder, ExitStack() as running:
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
                running.enter_context(_machine(address, folder / str(number), shared))
                for number, address in enumerate(made.machines)
            ]
            for process, machine in started:
                machine.wait_for_answer(process)
            yield Fleet(before, empty.text)


@contextmanager
def _machine(
    address: MachineAddress, folder: Path, shared: dict[str, str]
) -> Iterator[tuple["subprocess.Popen[str]", Taskward]]:
    folder.mkdir()
    machine = Taskward(folder, address.host, address.port)
    machine.before = address.prefix
    process = machine.start(
        "serve",
        **shared,
        BETTER_AUTH_SECRET=SECRET,
        CORS_ORIGINS="https://app.example.com",
        LOG_LEVEL="error",
        RATE_LIMIT=f"{LIMIT}/hour",
        TRUSTED_PROXY_HOPS="1",
    )
    try:
        yield process, machine
        process.terminate()
        process.communicate(timeout=20)
    finally:
        machine.end_all()
