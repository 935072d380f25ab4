"""Liveness and readiness."""

import asyncio
from typing import Literal

import msgspec
from quart import Blueprint

from quart_contract.binding import blueprint_of
from quart_contract.problems import Problem

from ..problems import NOT_READY
from .readiness import ReadinessCheck, Result, reasons

PROBES = frozenset({"getLiveness", "getReadiness"})
"""The operations with which a proxy or an orchestrator checks a process."""
_HEADERS = {"Retry-After": "5"}


class Liveness(msgspec.Struct, frozen=True):
    """The response while the process is alive."""

    status: Literal["alive"] = "alive"


class ReadinessChecks(msgspec.Struct, frozen=True):
    """The result of each readiness check."""

    database: Result
    schema: Result
    isolation: Result
    keys: Result


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The response if the process can serve requests."""

    status: Literal["ready"] = "ready"
    checks: ReadinessChecks


class HealthRoutes:
    """The handlers of the health operations.

    `stopping` is set when the process is about to stop.
    """

    def __init__(self, readiness: ReadinessCheck, stopping: asyncio.Event) -> None:
        self._readiness = readiness
        self._stopping = stopping

    @property
    def blueprint(self) -> Blueprint:
        """A blueprint that registers all handlers."""
        return blueprint_of("health", self.get_liveness, self.get_readiness)

    async def get_liveness(self) -> Liveness:
        """Return that the process is alive, without using the database."""
        return Liveness()

    async def get_readiness(self) -> Readiness:
        """Check everything that requests need. Raises `Problem` if a check fails, or at the end."""
        if self._stopping.is_set():
            raise Problem(NOT_READY, "The server is about to stop.", headers=_HEADERS)
        findings = await self._readiness.run()
        checks = {name: finding.result for name, finding in findings.items()}
        wrong = reasons(findings)
        if wrong:
            raise Problem(NOT_READY, f"{wrong}.", headers=_HEADERS, extensions={"checks": checks})
        return Readiness(checks=ReadinessChecks(**checks))
