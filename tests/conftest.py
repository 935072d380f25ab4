"""Fixtures: a real PostgreSQL, a real server, users of one's own, and a client that judges."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import hypothesis
import pytest
import structlog
from limits import parse
from pydantic import SecretStr

from app import create_app
from app.database import embedded
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import distribute, migrate
from app.database.wall.citus import CITUS, CitusMissingError, layout_seen_by
from app.openapi import read
from app.settings import Settings
from app.tasks.wall import WALL
from quart_contract.document import Document
from tests.support import tokens
from tests.support.clients import async_client
from tests.support.empty_database import make_empty_database
from tests.support.folders import copy_folder, world_readable_tmp
from tests.support.live_server import LiveServer, live
from tests.support.taskward import Taskward

# Without a deadline: a busy machine makes no property false.
hypothesis.settings.load_profile("ci")

REPORTED = "reported"
"""The property of a test whose value is shown below the results."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured."""
    passed: list[pytest.TestReport] = terminalreporter.getreports("passed")
    for report in passed:
        for name, value in report.user_properties:
            if name == REPORTED and report.when == "call":
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Log tracebacks as `serve` does: Rich draws one for seconds, while no request is answered."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture
def only_warnings() -> Iterator[None]:
    """Limit the log to warnings, so that thousands of lines do not hide a failure."""
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**configured)


@pytest.fixture(scope="session")
def database_url() -> Iterator[DatabaseUrl]:
    """A migrated database: TEST_DATABASE_URL, or an embedded PostgreSQL of this process.

    Where TEST_DATABASE_URL leads to a Citus, its tables are distributed.
    """
    url = os.environ.get("TEST_DATABASE_URL")
    if url:
        yield _migrated(url)
        return
    with world_readable_tmp() as folder, embedded.start(folder) as server:
        yield _migrated(server.url)


def _migrated(text: str) -> DatabaseUrl:
    url = DatabaseUrl(text)

    async def run() -> None:
        database = Database(url, pool_size=1, wall=WALL)
        await migrate(database)
        with suppress(CitusMissingError):
            async with database.transaction() as connection:
                await CITUS.require(connection)
            await distribute(database)
        await database.close()

    asyncio.run(run())
    return url


@pytest.fixture
async def database(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    """The server's database, with one connection for users."""
    database = Database(database_url, pool_size=1, wall=WALL)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def is_distributed(database_url: DatabaseUrl) -> bool:
    """Whether the tables are distributed over a Citus."""

    async def ask() -> bool:
        database = Database(database_url, pool_size=1, wall=WALL)
        async with database.transaction() as connection:
            layout = await layout_seen_by(connection, WALL)
        await database.close()
        return layout is CITUS

    return asyncio.run(ask())


@pytest.fixture
def one_postgresql(is_distributed: bool) -> None:
    """For what holds on one PostgreSQL alone, as docs/scaling.md says: skipped on a Citus."""
    if is_distributed:
        pytest.skip("the tables are distributed: each statement is a transaction of its own")


@pytest.fixture
async def empty_database(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """A database without tables, on the same server."""
    async with make_empty_database(database_url) as url:
        yield url


@pytest.fixture(scope="session")
def settings(database_url: DatabaseUrl) -> Settings:
    """Settings that owe nothing to the environment."""
    return Settings.model_construct(
        database_url=database_url,
        better_auth_secret=SecretStr(tokens.SECRET),
        cors_origins=("https://app.example.com",),
        # Its headers are on every answer, and no test comes near it unless it is meant to.
        rate_limit=parse("1000000/minute"),
        validate_responses=True,
    )


@pytest.fixture(scope="session")
def server(settings: Settings) -> Iterator[LiveServer]:
    """The app under Hypercorn, on a real socket.

    With TEST_BASE_URL it is whatever serves there, at a port of this machine: with the settings
    above, on the database of TEST_DATABASE_URL.
    """
    outside = os.environ.get("TEST_BASE_URL")
    if outside:
        yield LiveServer(create_app(settings), urlsplit(outside).port or 80)
        return
    with live(create_app(settings)) as running:
        yield running


@pytest.fixture(scope="session")
def contract() -> Document:
    """The contract."""
    return read()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """A data folder with an empty cluster, for copies: making one takes seconds."""
    with world_readable_tmp() as folder:
        embedded.start(folder / "data").stop()
        yield folder / "data"


@pytest.fixture
def development(taskward: Taskward, cluster: Path) -> Taskward:
    """The same Taskward as `taskward`, with a cluster in its data folder."""
    copy_folder(cluster, taskward.data_dir)
    return taskward


@pytest.fixture
def taskward() -> Iterator[Taskward]:
    """A separate Taskward for a test: its commands, in processes."""
    with world_readable_tmp() as folder:
        own = Taskward(folder)
        yield own
        own.end_all()


@pytest.fixture
def user() -> str:
    """A user that no other test knows: users are what keeps tests apart."""
    return f"user-{uuid4()}"


@pytest.fixture
async def anonymous(
    server: LiveServer,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with async_client(server) as client:
        yield client


@pytest.fixture
async def client(server: LiveServer, user: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `user`."""
    async with async_client(server, user) as client:
        yield client


@pytest.fixture
async def stranger(
    server: LiveServer,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another user."""
    async with async_client(server, f"stranger-{uuid4()}") as client:
        yield client
