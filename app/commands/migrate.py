"""`migrate`: brings the schema of the database to this version."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.commands.errors import CommandError
from app.commands.surroundings import any_database
from app.database.database import Database
from app.database.errors import DatabaseUnavailableError
from app.database.migrate import head, is_current, migrate
from app.settings import Settings, required

T = TypeVar("T")


def migrate_command(settings: Settings) -> None:
    """Migrate, and say to which revision."""
    with any_database(settings) as complete:
        print(f"The schema is at revision {migrate_database(complete)}.")


def migrate_database(settings: Settings) -> str:
    """Bring the schema to head; answer its revision."""
    return with_database(settings, migrate)


def require_schema(settings: Settings) -> None:
    """Raise `CommandError` where the database does not have this version's schema."""
    if not with_database(settings, is_current):
        raise CommandError(
            f"the database is not at schema revision {head()}: run python -m app migrate, "
            "or set MIGRATE_ON_START=true"
        )


def with_database(settings: Settings, action: Callable[[Database], Awaitable[T]]) -> T:
    """Run something on the database. Raises `CommandError` where it cannot be reached."""

    async def run() -> T:
        database = Database(required(settings.database_url, "DATABASE_URL"), pool_size=1)
        try:
            return await action(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except DatabaseUnavailableError as error:
        cause = getattr(error.__cause__, "orig", None) or error.__cause__
        raise CommandError(
            f"the database {settings.database_url} cannot be reached ({cause}); "
            "is it running, and is DATABASE_URL right?"
        ) from None
