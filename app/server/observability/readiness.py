"""Check what a process needs before it can serve. A failed check does not skip the others."""

import asyncio
from collections.abc import Mapping
from typing import Literal, NamedTuple

from sqlalchemy.exc import DBAPIError

from ...auth.tokens import TokenVerifier
from ...database.database import Database
from ...database.driver.causes import reason
from ...database.driver.errors import DatabaseUnavailableError
from ...database.migrations.version import is_at_head, revision
from ...database.wall.audit import holes_seen_by
from ...database.wall.tables import Wall
from ...lasting_event import LastingEvent

Result = Literal["ok", "failed", "unknown"]


class Finding(NamedTuple):
    """The result of a check, and the reason if it failed.

    The reason must contain nothing secret: the endpoint needs no token.
    """

    result: Result
    reason: str = ""


Findings = Mapping[str, Finding]


def reasons(findings: Findings) -> str:
    """Return why checks failed, or an empty text."""
    return "; ".join(f"{name}: {each.reason}" for name, each in findings.items() if each.reason)


_OK = Finding("ok")
_UNKNOWN = Finding("unknown")
_UNREADABLE = Finding("failed", "cannot be read")


class ReadinessCheck:
    """Runs the readiness checks. Concurrent requests share one run, so a flood costs no more."""

    def __init__(self, database: Database, verifier: TokenVerifier) -> None:
        self._database = database
        self._verifier = verifier
        self._running: asyncio.Task[Findings] | None = None
        """The current run, or the last one."""
        self._failure = LastingEvent(
            "app.readiness", "readiness failed", "readiness restored", until_success=True
        )
        self._unreadable = LastingEvent(
            "app.readiness", "schema check failed", "schema check succeeded", until_success=True
        )

    async def run(self) -> Findings:
        """Return the findings, by the names that the contract gives the checks.

        If a caller is cancelled, the run continues for the others.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def _check(self) -> Findings:
        keys, findings = await asyncio.gather(self._check_keys(), self._check_database())
        findings = {**findings, "keys": keys}
        wrong = reasons(findings)
        if wrong:
            self._failure.occurs(wrong)
        else:
            self._failure.succeeded()
        return findings

    async def _check_keys(self) -> Finding:
        fault = await self._verifier.keys_fault()
        return Finding("failed", fault) if fault else _OK

    async def _check_database(self) -> Findings:
        wall, is_connected = self._database.wall, False
        try:
            async with self._database.transaction() as connection:
                is_connected = True
                schema = _schema(await revision(connection), wall)
                isolation = _isolation(await holes_seen_by(connection, wall))
        except (DatabaseUnavailableError, DBAPIError) as error:
            if isinstance(error, DatabaseUnavailableError) or not is_connected:
                database = Finding("failed", reason(error))
                return {"database": database, "schema": _UNKNOWN, "isolation": _UNKNOWN}
            # For example, the login has lost a privilege. The log has PostgreSQL's message.
            self._unreadable.occurs(exc_info=error)
            return {"database": _OK, "schema": _UNREADABLE, "isolation": _UNKNOWN}
        self._unreadable.succeeded()
        return {"database": _OK, "schema": schema, "isolation": isolation}


def _schema(found: str, wall: Wall) -> Finding:
    if is_at_head(found, wall):
        return _OK
    return Finding("failed", f"at revision {found or 'none'}, expected {wall.head}")


def _isolation(holes: list[str]) -> Finding:
    return Finding("failed", ", ".join(holes)) if holes else _OK
