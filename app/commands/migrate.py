"""`migrate`: migrates the schema of the database to this version."""

from sqlalchemy import text

from ..database.database import Database
from ..database.migrations.runner import distribute, is_current, migrate
from ..database.wall.audit import find_holes
from ..database.wall.citus import CITUS
from ..settings import Settings
from ..tasks.wall import WALL
from .errors import CommandError
from .misspellings import check_names
from .on_database import with_database
from .program import PROGRAM
from .resolve import any_database

# If the tables are distributed, this statement reaches every machine.
_COUNT_TASKS = text("SELECT count(*) FROM tasks")


def migrate_command(settings: Settings, *, citus: bool = False) -> None:
    """Migrate and print the revision; with `citus`, distribute the tables by user."""
    check_names(settings)
    with any_database(settings) as resolved:
        if citus:
            with_database(resolved, _require_citus)
        print(f"The schema is at revision {migrate_database(resolved)}.")
        if citus:
            with_database(resolved, distribute)
            require_isolation(resolved)
            print("The tables are distributed by user.")


def migrate_database(settings: Settings) -> str:
    """Migrate the schema to head; return its revision."""
    return with_database(settings, migrate)


def prepare_database(settings: Settings) -> None:
    """Migrate the database if the settings allow it, and check it.

    Raises `CommandError` if it does not have this version's schema, or would not separate users.
    """
    if settings.migrate_on_start:
        migrate_database(settings)
    else:
        require_schema(settings)
    require_isolation(settings)


def require_schema(settings: Settings) -> None:
    """Raise `CommandError` if the database does not have this version's schema."""
    if not with_database(settings, is_current):
        raise CommandError(
            f"the database is not at schema revision {WALL.head}. Run {PROGRAM} migrate, "
            "or set MIGRATE_ON_START=true."
        )


def require_isolation(settings: Settings) -> None:
    """Raise `CommandError` if the database would show one user rows of another."""
    holes = with_database(settings, find_holes)
    if holes:
        lines = "".join(f"\n  {hole}" for hole in holes)
        raise CommandError(f"the database does not separate users:{lines}")
    with_database(settings, _try_session)


async def _require_citus(database: Database) -> None:
    async with database.transaction() as connection:
        await CITUS.require(connection)


async def _try_session(database: Database) -> None:
    await database.session("nobody").read(_COUNT_TASKS)
