"""Liveness and readiness."""

from typing import Literal

import msgspec
from quart import Blueprint, current_app

from app.server.problems import NOT_READY
from app.server.readiness import ReadinessCheck, Result
from quart_contract.problems import Problem

blueprint = Blueprint("health", __name__)

_HEADERS = {"Retry-After": "5"}


class Liveness(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class ReadinessChecks(msgspec.Struct, frozen=True):
    """What was checked."""

    database: Result
    schema: Result
    isolation: Result
    keys: Result


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The process can serve requests."""

    status: Literal["ready"] = "ready"
    checks: ReadinessChecks


@blueprint.endpoint("get_liveness")
async def get_liveness() -> Liveness:
    """Tell that the process is alive; it asks nothing of the database."""
    return Liveness()


@blueprint.endpoint("get_readiness")
async def get_readiness() -> Readiness:
    """Tell whether everything is there that requests need."""
    check: ReadinessCheck = current_app.extensions[ReadinessCheck.EXTENSION]
    findings = await check.run()
    checks = {name: finding.result for name, finding in findings.items()}
    wrong = [f"{name}: {each.reason}" for name, each in findings.items() if each.reason]
    if wrong:
        raise Problem(
            NOT_READY, f"{'; '.join(wrong)}.", headers=_HEADERS, extensions={"checks": checks}
        )
    return Readiness(checks=ReadinessChecks(**checks))
