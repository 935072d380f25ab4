"""`migrate`: brings the schema of the database to this version."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.commands.errors import CommandError, NotAllowedError, UnreachableError
from app.commands.surroundings import any_database
from app.database.audit import find_holes
from app.database.citus import CitusMissingError, require_citus
from app.database.database import Database
from app.database.errors import DatabaseUnavailableError
from app.database.migrate import MigrationBlockedError, distribute, head, is_current, migrate
from app.database.role import INSUFFICIENT_PRIVILEGE, RoleRefusedError
from app.settings import Settings, required

T = TypeVar("T")

_INVALID_SCHEMA_NAME = "3F000"
# Where the tables are distributed, it reaches every machine.
_NOBODYS = text("SELECT count(*) FROM tasks")


def migrate_command(settings: Settings, *, citus: bool = False) -> None:
    """Migrate, and say to which revision; with `citus`, distribute the tables by user."""
    with any_database(settings) as complete:
        if citus:
            with_database(complete, _require_citus)
        print(f"The schema is at revision {migrate_database(complete)}.")
        if citus:
            with_database(complete, distribute)
            require_isolation(complete)
            print("The tables are distributed by user.")


def migrate_database(settings: Settings) -> str:
    """Bring the schema to head; answer its revision."""
    return with_database(settings, migrate)


def prepare_database(settings: Settings) -> None:
    """Migrate the database where the settings allow it, and raise `CommandError` where it is unfit.

    That is where it has not this version's schema, or would not keep users apart.
    """
    if settings.migrate_on_start:
        migrate_database(settings)
    else:
        require_schema(settings)
    require_isolation(settings)


def require_schema(settings: Settings) -> None:
    """Raise `CommandError` where the database does not have this version's schema."""
    if not with_database(settings, is_current):
        raise CommandError(
            f"the database is not at schema revision {head()}: run python -m app migrate, "
            "or set MIGRATE_ON_START=true"
        )


def require_isolation(settings: Settings) -> None:
    """Raise `CommandError` where the database would let one user see rows of another."""
    holes = with_database(settings, find_holes)
    if holes:
        lines = "".join(f"\n  {hole}" for hole in holes)
        raise CommandError(f"the database does not keep users apart:{lines}")
    with_database(settings, _try_session)


async def _require_citus(database: Database) -> None:
    async with database.transaction() as connection:
        await require_citus(connection)


async def _try_session(database: Database) -> None:
    await database.session("nobody").read(_NOBODYS)


def with_database(settings: Settings, action: Callable[[Database], Awaitable[T]]) -> T:
    """Run something on the database.

    Raises `UnreachableError` where it cannot be reached, `NotAllowedError` where the login lacks a
    right, and `CommandError` where it is blocked, refuses the connection, or lacks something that
    it does not let make.
    """

    async def run() -> T:
        url = required(settings.database_url, "DATABASE_URL")
        database = Database(url, pool_size=1, pooler=settings.has_pooler)
        try:
            return await action(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (CitusMissingError, MigrationBlockedError, RoleRefusedError) as error:
        raise CommandError(str(error)) from None
    except DBAPIError as error:
        refusal = _refusal(settings, error)
        if refusal is None:
            raise
        raise refusal from None
    except DatabaseUnavailableError as error:
        cause = getattr(error.__cause__, "orig", None) or error.__cause__ or error
        raise UnreachableError(
            f"the database {settings.database_url} cannot be reached ({cause}); "
            "is it running, and is DATABASE_URL right?"
        ) from None


def _refusal(settings: Settings, error: DBAPIError) -> CommandError | None:
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate == INSUFFICIENT_PRIVILEGE:
        return NotAllowedError(
            f"the login of {settings.database_url} lacks a right ({error.orig}): let it "
            "be granted, or set DATABASE_URL to the login that migrates"
        )
    if error.statement is None:  # none was run: the connection itself was refused
        return CommandError(
            f"the database {settings.database_url} refuses the connection ({error.orig}): "
            "are the parameters of DATABASE_URL right?"
        )
    if sqlstate == _INVALID_SCHEMA_NAME:
        return CommandError(
            f"the database {settings.database_url} has no schema for the tables ({error.orig}): "
            "make the one that search_path names"
        )
    return None
