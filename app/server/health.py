"""Liveness and readiness."""

from typing import Literal

import msgspec
from quart import Blueprint, current_app

from app.contract.problems import Problem
from app.database.audit import find_holes
from app.database.database import Database
from app.database.migrate import is_current

blueprint = Blueprint("health", __name__)


class Liveness(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Readiness(msgspec.Struct, frozen=True):
    """The process can serve requests."""

    status: Literal["ready"] = "ready"


@blueprint.endpoint("get_liveness")
async def get_liveness() -> Liveness:
    """Tell that the process is alive; it asks nothing of the database."""
    return Liveness()


@blueprint.endpoint("get_readiness")
async def get_readiness() -> Readiness:
    """Tell whether the database answers, has this version's schema, and keeps users apart."""
    database: Database = current_app.extensions[Database.EXTENSION]
    if not await is_current(database):
        raise _not_ready("The database does not have the schema of this version.")
    holes = await find_holes(database)
    if holes:
        raise _not_ready(f"The database does not keep users apart: {'; '.join(holes)}.")
    return Readiness()


def _not_ready(detail: str) -> Problem:
    return Problem("not_ready", detail, headers={"Retry-After": "5"})
