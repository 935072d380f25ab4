"""Runs an action on the database for a command, and converts its errors into messages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from ..database.database import Database
from ..database.driver.errors import DatabaseUnavailableError, StatementError
from ..database.fitness import StandbyError, UnfitDatabaseError, require_fit
from ..database.migrations.ownership import ForeignDatabaseError
from ..database.migrations.runner import MigrationBlockedError
from ..database.wall.citus import CitusMissingError
from ..database.wall.role import INSUFFICIENT_PRIVILEGE, RoleRefusedError
from ..settings import Settings, required
from ..tasks.wall import WALL
from .errors import CommandError, NotAllowedError, UnreachableError

T = TypeVar("T")

# SQLSTATEs behind a pooler: it rejects a setting, or a prepared statement is another connection's.
_OF_POOLER = ("08P01", "26000", "42P05")
_LOGIN = "28"
_ACTIONABLE = (
    CitusMissingError,
    ForeignDatabaseError,
    MigrationBlockedError,
    RoleRefusedError,
    UnfitDatabaseError,
)
"""Errors whose message already says what to do."""

logger = structlog.get_logger("app.commands")


def with_database(settings: Settings, action: Callable[[Database], Awaitable[T]]) -> T:
    """Run an action on the database, after checking that it is fit; return its result.

    Raises `UnreachableError` if it cannot be used at present, `NotAllowedError` if the login lacks
    a privilege, and `CommandError` for any other fault of the database.
    """

    async def run() -> T:
        url = required(settings.database_url, "DATABASE_URL")
        database = Database(url, pool_size=1, wall=WALL, pooler=settings.has_pooler)
        try:
            await require_fit(database)
            return await action(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StandbyError as error:
        raise UnreachableError(str(error)) from None
    except _ACTIONABLE as error:
        raise CommandError(str(error)) from None
    except DBAPIError as error:
        raise _refusal(settings, error) from None
    except DatabaseUnavailableError as error:
        raise _unreachable(settings, error) from None
    except StatementError as error:
        raise _unexpected(settings, error) from None


def _unreachable(settings: Settings, error: DatabaseUnavailableError) -> UnreachableError:
    cause = getattr(error.__cause__, "orig", None) or error.__cause__ or error
    state = getattr(cause, "sqlstate", None) or ""
    place = f"the database {settings.database_url}"
    if hint := _pooler_hint(settings, state):
        return UnreachableError(f"{place} rejected the connection ({cause}). {hint}")
    if state.startswith(_LOGIN):
        return UnreachableError(f"{place} rejected the login ({cause}). Check DATABASE_URL.")
    words = str(cause) or type(cause).__name__
    return UnreachableError(
        f"{place} cannot be reached ({words}). Check that it is running, and check DATABASE_URL."
    )


def _refusal(settings: Settings, error: DBAPIError) -> CommandError:
    state = getattr(error.orig, "sqlstate", None) or ""
    place = f"the database {settings.database_url}"
    if state == INSUFFICIENT_PRIVILEGE:
        return NotAllowedError(
            f"the login of {settings.database_url} lacks a privilege ({error.orig}). Grant it, "
            "or set DATABASE_URL to the login that migrates."
        )
    if hint := _pooler_hint(settings, state):
        return CommandError(f"{place} rejected a statement ({_first_line(error.orig)}). {hint}")
    if error.statement is None:  # no statement was run: the connection itself was rejected
        return CommandError(
            f"{place} rejected the connection ({error.orig}). Check the parameters of DATABASE_URL."
        )
    return _unexpected(settings, error)


def _pooler_hint(settings: Settings, state: str) -> str:
    if state not in _OF_POOLER or settings.has_pooler:
        return ""
    return "If DATABASE_URL points to a pooler, set DATABASE_POOLER=transaction."


def _unexpected(settings: Settings, error: Exception) -> CommandError:
    logger.debug("statement failed", exc_info=error)
    return CommandError(
        f"the database {settings.database_url} rejected a statement "
        f"({_first_line(getattr(error, 'orig', None) or error)}). "
        "Set LOG_LEVEL=debug to see which one."
    )


def _first_line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0]
