"""Brings the schema to this version, and tells whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.database.database import Database
from app.database.role import ensure_roles

# Any number will do, as long as every Taskward takes the same.
_LOCK = text("SELECT pg_advisory_xact_lock(7402271103)")


async def migrate(database: Database) -> str:
    """Bring the schema to head, and answer that revision; safe to run twice at once.

    All steps are one transaction, and the lock goes with it, also through a pooler. Raises
    `RoleRefusedError` where an administrator has to make the role first.
    """
    async with database.transaction() as connection:
        await connection.execute(_LOCK)
        await ensure_roles(connection)
        await connection.run_sync(_upgrade)
    return head()


async def is_current(database: Database) -> bool:
    """Tell whether the database has the schema of this version."""
    async with database.transaction() as connection:
        return await connection.run_sync(_current) == head()


@cache
def head() -> str:
    """The revision of the schema that this version works on."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("there are no migrations")
    return revision


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
