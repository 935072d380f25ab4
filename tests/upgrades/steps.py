"""Databases at earlier revisions of the schema."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.database.database import Database
from app.database.migrations.runner import migrate
from app.tasks.wall import WALL

VERSIONS = WALL.migrations / "versions"
REVISIONS = sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


async def migrate_to(database: Database, revision: str) -> None:
    """Migrate the schema to a revision, as the version with that head did."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WALL, "head", revision)
        assert await migrate(database) == revision


@asynccontextmanager
async def closing(*databases: Database) -> AsyncIterator[None]:
    """Close the databases at the end."""
    try:
        yield
    finally:
        for each in databases:
            await each.close()
