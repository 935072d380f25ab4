"""`purge`: drops what has expired; and the same in the background of `serve`."""

import asyncio
import random
from functools import partial

import structlog
from quart import Quart

from app.commands.migrate import require_schema, with_database
from app.commands.surroundings import any_database
from app.database.database import Database
from app.database.errors import DatabaseUnavailableError
from app.server.background import in_background
from app.settings import Settings
from app.tasks.purge import purge

logger = structlog.get_logger("app.purge")

SECONDS_BETWEEN = 3600


def purge_command(settings: Settings) -> None:
    """Purge, and say how much was dropped."""
    with any_database(settings) as complete:
        require_schema(complete)
        purged = with_database(complete, purge)
    print(
        f"Dropped {purged.idempotency_keys} idempotency keys and {purged.tombstones} tombstones "
        "that had expired."
    )


def purge_in_background(app: Quart) -> None:
    """Let an app purge every hour while it serves. Of many processes, one does it at a time."""
    in_background(app, partial(_purge_hourly, app.extensions[Database.EXTENSION]))


async def _purge_hourly(database: Database) -> None:
    while True:
        try:
            purged = await purge(database)
            await logger.ainfo("purged", **purged._asdict())
        except DatabaseUnavailableError as error:
            await logger.awarning("not purged", reason=str(error))
        except Exception:  # noqa: BLE001 - whatever it is, it is logged
            # Such as amid the restoring of a backup: in an hour it can be otherwise.
            await logger.aexception("not purged")
        # Not in step with the other processes, nor with what else begins at the full hour.
        await asyncio.sleep(SECONDS_BETWEEN * random.uniform(0.9, 1.1))  # noqa: S311
