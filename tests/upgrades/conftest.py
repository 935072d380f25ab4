"""Fixtures: a session beside those that migrate."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database.driver.url import DatabaseUrl


@pytest.fixture
async def other(empty_database: DatabaseUrl) -> AsyncIterator[asyncpg.Connection]:
    """A session besides those that migrate."""
    connection = await asyncpg.connect(**empty_database.for_driver)
    yield connection
    await connection.close()
