"""A database whose wall the tests may change, and its login."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.tasks.wall import WALL
from tests.support.empty_database import make_empty_database


@pytest.fixture(scope="module")
async def database_url(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """A database for these tests alone: they lock tables that other tests would wait for."""
    async with make_empty_database(database_url) as url:
        database = Database(url, pool_size=1, wall=WALL)
        await migrate(database)
        await database.close()
        yield url


@pytest.fixture
async def database(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=2, wall=WALL)
    yield database
    await database.close()


@pytest.fixture
async def login(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction of the login, rolled back at the end, whose changes no other session sees."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        yield connection
        await connection.rollback()
