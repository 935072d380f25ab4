"""Fixtures: a Redis, and the signals in the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.folders import world_readable_tmp
from tests.support.redis_server import RedisServer, redis_server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with world_readable_tmp() as folder, redis_server(Path(folder)) as server:
        yield server
