"""Databases besides the one that all tests share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from sqlalchemy import text

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.tasks.wall import WALL


@asynccontextmanager
async def make_empty_database(server: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """Create a database without tables, on the same server. Drop it at the end."""
    name = f"test_{uuid4().hex}"
    await _administer(server, f"CREATE DATABASE {name}")
    url = server.for_sqlalchemy.set(database=name, drivername="postgresql")
    try:
        yield DatabaseUrl(url.render_as_string(hide_password=False))
    finally:
        await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(url: DatabaseUrl, command: str) -> None:
    database = Database(url, pool_size=1, wall=WALL)
    # DROP DATABASE cannot run in a transaction.
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(command))
    await database.close()
