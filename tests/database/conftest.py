"""Databases beside the one that all tests share."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.url import DatabaseUrl


@pytest.fixture(scope="module")
async def empty_database(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """A database without tables, on the same server; dropped at the end."""
    name = f"test_{uuid4().hex}"
    await _administer(database_url, f"CREATE DATABASE {name}")
    url = database_url.for_sqlalchemy.set(database=name, drivername="postgresql")
    yield DatabaseUrl(url.render_as_string(hide_password=False))
    await _administer(database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(url: DatabaseUrl, command: str) -> None:
    database = Database(url, pool_size=1)
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(command))
    await database.close()
