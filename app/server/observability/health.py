"""Liveness and readiness."""

from typing import Literal

import msgspec
from quart import Blueprint

from app.server.observability.readiness import ReadinessCheck, Result
from app.server.problems import NOT_READY
from quart_contract.binding import blueprint_of
from quart_contract.problems import Problem

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


class HealthRoutes:
    """The handlers."""

    def __init__(self, readiness: ReadinessCheck) -> None:
        self._readiness = readiness

    @property
    def blueprint(self) -> Blueprint:
        """A blueprint with all handlers."""
        return blueprint_of("health", self.get_liveness, self.get_readiness)

    async def get_liveness(self) -> Liveness:
        """Respond. This needs no database."""
        return Liveness()

    async def get_readiness(self) -> Readiness:
        """Check everything that requests need."""
        findings = await self._readiness.run()
        checks = {name: finding.result for name, finding in findings.items()}
        wrong = [f"{name}: {each.reason}" for name, each in findings.items() if each.reason]
        if wrong:
            raise Problem(
                NOT_READY, f"{'; '.join(wrong)}.", headers=_HEADERS, extensions={"checks": checks}
            )
        return Readiness(checks=ReadinessChecks(**checks))
