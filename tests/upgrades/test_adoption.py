"""`migrate` adopts the version table of each released version, whose servers continue to work."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from app.commands.migrate import require_isolation, require_schema
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.database.migrations.version import RELEASED_REVISIONS
from app.database.wall.audit import find_holes
from app.settings import Settings
from app.tasks.wall import WALL
from tests.upgrades.steps import closing, migrate_to

# The state that versions up to 0.2 left: Alembic's own version table.
RELEASED = """
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
ALTER TABLE alembic_version ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
INSERT INTO alembic_version SELECT version_num FROM taskward_version;
DROP TABLE taskward_version;
CREATE ROLE {role} LOGIN NOINHERIT PASSWORD 'x';
GRANT taskward_app, taskward_purge TO {role};
GRANT SELECT ON alembic_version TO {role}
"""
READINESS = text("SELECT version_num FROM alembic_version")
"""How servers of those versions read the revision."""


@pytest.fixture
async def databases(empty_database: DatabaseUrl) -> AsyncIterator[list[Database]]:
    made = [Database(empty_database, pool_size=1, wall=WALL) for _ in range(2)]
    async with closing(*made):
        yield made


@pytest.mark.parametrize("revision", RELEASED_REVISIONS)
async def test_a_released_version_table_is_adopted_and_stays(
    databases: list[Database], empty_database: DatabaseUrl, revision: str
) -> None:
    role = f"serving_{uuid4().hex}"
    await migrate_to(databases[0], revision)
    administrator = await asyncpg.connect(**empty_database.for_driver)
    try:
        await administrator.execute(RELEASED.format(role=role))
        url = empty_database.for_sqlalchemy.set(
            drivername="postgresql", username=role, password="x"
        )
        serving = DatabaseUrl(url.render_as_string(hide_password=False))
        server = Database(serving, pool_size=1, wall=WALL)
        async with closing(server):
            # Two at the same time, then one more.
            assert await asyncio.gather(*(migrate(each) for each in databases)) == [WALL.head] * 2
            assert await migrate(databases[0]) == WALL.head
            async with server.transaction() as connection:
                assert (await connection.execute(READINESS)).scalar_one() == revision
            assert await find_holes(server) == []
        assert await administrator.fetchval("SELECT version_num FROM taskward_version") == WALL.head
        settings = Settings.model_construct(database_url=serving)
        await asyncio.to_thread(require_schema, settings)
        await asyncio.to_thread(require_isolation, settings)
    finally:
        await administrator.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await administrator.close()
