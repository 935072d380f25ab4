"""`doctor`: checks what Taskward needs, and prints a line for each check."""

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy import text

from quart_contract.operations import operations

from ..auth.claims import LEEWAY_SECONDS
from ..database.database import Database
from ..database.embedded import EmbeddedPostgresError
from ..database.fitness import require_fit
from ..database.wall.policies import ROLE
from ..database.wall.users import has_users
from ..openapi import read
from ..settings import Settings
from ..tasks.wall import WALL
from .errors import CommandError
from .explanation import explain, read_token
from .issuer_checks import check_keys
from .migrate import require_isolation, require_schema
from .misspellings import check_names
from .on_database import with_database
from .resolve import any_database, with_kept_secret
from .signal_checks import check_signals

_NEEDS = {
    "database": ["settings"],
    "schema": ["settings", "database"],
    "isolation": ["settings", "database", "schema"],
    "users": ["settings", "database", "schema", "isolation"],
    "clock": ["settings", "database"],
    "signals": ["settings", "database"],
}
"""The checks that each check needs; it is skipped if one of them has failed."""


def doctor(settings: Settings, *, token: bool = False) -> None:
    """Print a line for each check. Raises `CommandError` if one fails.

    If there is a token on the standard input, explain that instead; with `token`, wait for it.
    """
    given = read_token(wait=token)
    if given:
        asyncio.run(explain(with_kept_secret(settings), given))
    elif token:
        raise CommandError("there is no token on the standard input. Use doctor --token < FILE.")
    else:
        _Doctor(settings).run()


class _Doctor:
    """Runs the checks one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failed: list[str] = []
        # The warnings of the check that runs.
        self._warnings: list[str] = []
        # By how many seconds the issuer's clock is ahead, if that is known.
        self._ahead: float | None = None

    def run(self) -> None:
        for name, check in self._checks():
            self._warnings = []
            try:
                self._require(name)
                print(f"ok    {name:10} {check()}")
            except (CommandError, EmbeddedPostgresError) as error:
                self._failed.append(name)
                print(f"FAIL  {name:10} {error}")
            for warning in self._warnings:
                print(f"warn  {name:10} {warning}")
        if self._failed:
            raise CommandError(f"failed checks: {', '.join(self._failed)}")

    def _require(self, name: str) -> None:
        for needed in _NEEDS.get(name, ()):
            if needed in self._failed:
                raise CommandError(f"not checked, because the {needed} check failed")

    def _checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "settings", lambda: _settings(self._settings)
        yield "contract", _contract
        yield "keys", self._keys
        yield "database", lambda: self._on_database(_version)
        yield "schema", lambda: self._on_database(_schema)
        yield "isolation", lambda: self._on_database(_isolation)
        yield "users", lambda: self._on_database(_users)
        yield "clock", lambda: self._on_database(self._clock)
        yield "signals", lambda: self._on_database(self._signals)

    def _keys(self) -> str:
        keys = asyncio.run(check_keys(self._settings))
        self._warnings, self._ahead = keys.warnings, keys.ahead
        return "; ".join(keys.found)

    def _clock(self, settings: Settings) -> str:
        of_database = with_database(settings, _seconds_ahead)
        found = [f"{_difference(of_database)} the database's"]
        if abs(of_database) > LEEWAY_SECONDS:
            self._warnings.append(
                f"this clock is {_difference(of_database)} the database's. Synchronise both."
            )
        if self._ahead is not None:
            found.append(f"{_difference(self._ahead)} the issuer's")
            if abs(self._ahead) > LEEWAY_SECONDS:
                raise CommandError(
                    f"this clock is {found[-1]}. Tokens are rejected before and after their time, "
                    f"by {LEEWAY_SECONDS} seconds or more. Synchronise both, for example with NTP."
                )
        return f"this clock is {' and '.join(found)}"

    def _signals(self, settings: Settings) -> str:
        found, fault = with_database(settings, partial(check_signals, settings))
        if fault:
            self._warnings.append(fault)
        return found

    def _on_database(self, check: Callable[[Settings], str]) -> str:
        with any_database(self._settings) as resolved:
            return check(resolved)


def _difference(ahead: float) -> str:
    """Return where this clock is, if another one is `ahead` by so many seconds."""
    if abs(ahead) < 1:
        return "equal to"
    return f"{abs(ahead):.0f} seconds {'behind' if ahead > 0 else 'ahead of'}"


def _settings(settings: Settings) -> str:
    check_names(settings)
    return "valid"


def _contract() -> str:
    contract = read()
    return f"version {contract.version}, {len(operations(contract))} operations"


def _version(settings: Settings) -> str:
    number = with_database(settings, require_fit)
    return f"PostgreSQL {number // 10_000}.{number % 10_000} at {settings.database_url}"


def _schema(settings: Settings) -> str:
    require_schema(settings)
    return f"at revision {WALL.head}"


def _isolation(settings: Settings) -> str:
    require_isolation(settings)
    return f"row-level security applies to the role {ROLE} on {', '.join(WALL.tables)}"


def _users(settings: Settings) -> str:
    if with_database(settings, has_users):
        return "the database has users"
    return "no users yet. If you restored a backup, it went into another database."


async def _seconds_ahead(database: Database) -> float:
    """Return by how many seconds the database's clock is ahead of this machine's."""
    statement = text("SELECT extract(epoch FROM clock_timestamp())::float8")
    async with database.maintenance_connection() as connection:
        began = time.time()
        theirs: float = (await connection.execute(statement)).scalar_one()
        ended = time.time()
    # The statement ran at some moment between the two.
    return max(theirs - ended, 0) + min(theirs - began, 0)
