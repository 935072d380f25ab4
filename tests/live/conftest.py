"""Fixtures: a Redis, and the signals in the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.driver.url import DatabaseUrl
from tests.support.folders import world_readable_tmp
from tests.support.redis_server import RedisServer, redis_server
from tests.support.taskward import QUIET


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with world_readable_tmp() as folder, redis_server(Path(folder)) as server:
        yield server


@pytest.fixture
def settings_of_two(database_url: DatabaseUrl) -> dict[str, str]:
    """Settings for two workers on the database that all tests share."""
    return {**QUIET, "DATABASE_URL": database_url.text, "WORKERS": "2"}
