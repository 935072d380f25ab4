"""`doctor`: checks what Taskward needs, and prints a line for each check."""

import asyncio
from collections.abc import Callable, Iterator

from quart_contract.operations import operations

from ..auth.errors import InvalidKeySetError
from ..auth.issuer import fetch
from ..auth.keys import read_keys
from ..database.embedded import EmbeddedPostgresError
from ..database.fitness import require_fit
from ..database.wall.policies import ROLE
from ..database.wall.users import has_users
from ..openapi import read
from ..settings import Settings
from ..tasks.wall import WALL
from .errors import CommandError
from .migrate import require_isolation, require_schema
from .misspellings import check_names
from .on_database import with_database
from .resolve import any_database, kept_secret

_NEEDS = {
    "database": ["settings"],
    "schema": ["settings", "database"],
    "isolation": ["settings", "database", "schema"],
    "users": ["settings", "database", "schema", "isolation"],
}
"""The checks that each check needs; it is skipped if one of them has failed."""


def doctor(settings: Settings) -> None:
    """Print a line for each check. Raises `CommandError` if one fails."""
    failed: list[str] = []
    for name, check in _checks(settings):
        try:
            _require(failed, name)
            print(f"ok    {name:10} {check()}")
        except (CommandError, EmbeddedPostgresError) as error:
            failed.append(name)
            print(f"FAIL  {name:10} {error}")
    if failed:
        raise CommandError(f"failed checks: {', '.join(failed)}")


def _require(failed: list[str], name: str) -> None:
    for needed in _NEEDS.get(name, ()):
        if needed in failed:
            raise CommandError(f"not checked, because the {needed} check failed")


def _checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "settings", lambda: _settings(settings)
    yield "contract", _contract
    yield "keys", lambda: _keys(settings)
    yield "database", lambda: _on_database(settings, _version)
    yield "schema", lambda: _on_database(settings, _schema)
    yield "isolation", lambda: _on_database(settings, _isolation)
    yield "users", lambda: _on_database(settings, _users)


def _settings(settings: Settings) -> str:
    check_names(settings)
    return "valid"


def _contract() -> str:
    contract = read()
    return f"version {contract.version}, {len(operations(contract))} operations"


def _keys(settings: Settings) -> str:
    keys = [*_secret(settings), *_published_keys(settings)]
    if not keys:
        raise CommandError(
            "neither JWKS_URL nor BETTER_AUTH_SECRET is set. serve needs one of them; "
            "dev generates a secret."
        )
    return "; ".join(keys)


def _secret(settings: Settings) -> Iterator[str]:
    if settings.better_auth_secret is not None:
        yield "HS256 with BETTER_AUTH_SECRET"
        if settings.better_auth_secret_previous is not None:
            yield "HS256 with BETTER_AUTH_SECRET_PREVIOUS (unset it when its tokens have expired)"
    elif kept_secret(settings) is not None:
        yield "HS256 with the development server's secret"


def _published_keys(settings: Settings) -> Iterator[str]:
    if settings.jwks_url is None:
        return
    try:
        keys = read_keys(asyncio.run(fetch(str(settings.jwks_url))))
    except InvalidKeySetError as error:
        raise CommandError(
            f"JWKS_URL: cannot read the keys of {settings.jwks_url} ({error})"
        ) from None
    if not keys:
        raise CommandError(f"JWKS_URL: {settings.jwks_url} has no supported key")
    algorithms = sorted({algorithm for key in keys for algorithm in key.algorithms})
    yield f"{', '.join(algorithms)} with {len(keys)} keys from {settings.jwks_url}"


def _on_database(settings: Settings, check: Callable[[Settings], str]) -> str:
    with any_database(settings) as resolved:
        return check(resolved)


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
