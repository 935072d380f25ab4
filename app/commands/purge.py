"""`purge`: finishes erasures and deletes expired rows; servers do the same in the background."""

import asyncio
import random
from contextlib import suppress
from functools import partial

import structlog

from ..database.database import Database
from ..database.driver.causes import reason
from ..database.driver.errors import DatabaseUnavailableError
from ..database.driver.housekeeping import BusyError
from ..server.background import HousekeepingRecorder, Result, in_background
from ..server.http.application import Application
from ..settings import Settings
from ..tasks.erasures import Finished, finish_erasures
from ..tasks.purge import Purged, purge
from .errors import CommandError
from .migrate import require_schema
from .misspellings import check_names
from .on_database import with_database
from .resolve import any_database

logger = structlog.get_logger("app.purge")

SECONDS_BETWEEN = 3600
SECONDS_UNTIL_RETRY = 60
SECONDS_WHILE_BUSY = 1


def purge_command(settings: Settings) -> None:
    """Finish erasures and purge, and print how many rows were deleted.

    Raises `CommandError` if some of them could not be deleted.
    """
    check_names(settings)
    with any_database(settings) as resolved:
        require_schema(resolved)
        finished, purged = with_database(resolved, _run_housekeeping)
    if finished.users:
        print(f"Deleted the rows of {finished.users} erased users.")
    print(
        f"Deleted {purged.idempotency_keys} expired idempotency keys "
        f"and {purged.tombstones} expired tombstones."
    )
    reasons = sorted({*finished.reasons, *purged.reasons})
    if reasons:
        raise CommandError(
            f"rows of {finished.left + purged.left} users could not be deleted "
            f"({', '.join(reasons)}). Check the log of PostgreSQL, and run purge again."
        )


async def _run_housekeeping(database: Database) -> tuple[Finished, Purged]:
    try:
        finished = await finish_erasures(database)
    except BusyError:
        finished = Finished()
    return finished, await purge(database)


def purge_in_background(app: Application) -> None:
    """Run housekeeping while an app serves: finish requested erasures, and purge every hour.

    Of all processes, one at a time does each of them.
    """
    database, requested = app.services.database, app.services.erasure_requested
    record = app.record_housekeeping or (lambda *_: None)
    in_background(app, partial(_purge_hourly, database, record))
    in_background(app, partial(_erase_promptly, database, requested, record))


async def _purge_hourly(database: Database, record: HousekeepingRecorder) -> None:
    while True:
        result: Result = "failed"
        try:
            purged = await purge(database)
            await logger.ainfo(
                "purge completed",
                idempotency_keys=purged.idempotency_keys,
                tombstones=purged.tombstones,
            )
            await _warn_of("purge incomplete", purged)
            result = "incomplete" if purged.left else "completed"
        except DatabaseUnavailableError as error:
            await logger.awarning("purge failed", reason=reason(error))
        except Exception:  # noqa: BLE001 - every error is logged
            # It can pass, for example during the restore of a backup: try again in an hour.
            await logger.aexception("purge failed")
        record("purge", result)
        # A random pause, out of step with other processes and with jobs that run on the hour.
        await asyncio.sleep(SECONDS_BETWEEN * random.uniform(0.9, 1.1))  # noqa: S311


async def _erase_promptly(
    database: Database, requested: asyncio.Event, record: HousekeepingRecorder
) -> None:
    while True:
        # Clear it before the work: a later request may concern a user who was already passed.
        requested.clear()
        seconds = await _finish_erasures(database, record)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * random.uniform(0.9, 1.1)):  # noqa: S311
                await requested.wait()


async def _finish_erasures(database: Database, record: HousekeepingRecorder) -> float:
    """Finish erasures; return the seconds until the next run."""
    try:
        finished = await finish_erasures(database)
    except BusyError:
        return SECONDS_WHILE_BUSY
    except DatabaseUnavailableError as error:
        await logger.awarning("erasure failed", reason=reason(error))
        record("erasures", "failed")
        return SECONDS_UNTIL_RETRY
    except Exception:  # noqa: BLE001 - every error is logged
        await logger.aexception("erasure failed")
        record("erasures", "failed")
        return SECONDS_UNTIL_RETRY
    record("erasures", "incomplete" if finished.left else "completed")
    if finished.users:
        await logger.ainfo("erasures completed", users=finished.users)
    await _warn_of("erasure incomplete", finished)
    return SECONDS_UNTIL_RETRY if finished.left else SECONDS_BETWEEN


async def _warn_of(event: str, result: Finished | Purged) -> None:
    if result.left:
        await logger.awarning(event, users=result.left, reasons=list(result.reasons))
