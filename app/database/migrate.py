"""Brings the schema to this version, and tells whether it is there."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.role import ensure_roles

_MIGRATIONS = Path(__file__).with_name("migrations")

# Any number will do, as long as every Taskward takes the same.
_LOCK = text("SELECT pg_advisory_xact_lock(7402271103)")
_HAS_VERSION = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSION = text("SELECT version_num FROM alembic_version")


async def migrate(database: Database) -> str:
    """Bring the schema to head, and answer that revision; safe to run twice at once.

    All steps are one transaction, and the lock goes with it, also through a pooler. Raises
    `RoleRefusedError` where an administrator has to make the role first.
    """
    async with database.transaction() as connection:
        await connection.execute(_LOCK)
        await ensure_roles(connection)
        if await revision(connection) != head():
            await connection.run_sync(_upgrade)
    return head()


async def is_current(database: Database) -> bool:
    """Tell whether the database has the schema of this version."""
    async with database.transaction() as connection:
        return await revision(connection) == head()


@cache
def head() -> str:
    """The revision of the schema that this version works on: that of the last migration."""
    names = [path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")]
    return max(names).partition("_")[0]


async def revision(connection: AsyncConnection) -> str | None:
    """The revision of the schema that a database has; None where it has none."""
    if not (await connection.execute(_HAS_VERSION)).scalar_one():
        return None
    version: str | None = (await connection.execute(_VERSION)).scalar_one_or_none()
    return version


def _upgrade(connection: Connection) -> None:
    # A server whose schema is up to date need not hold it in memory.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
