"""Names in the environment and `.env` that resemble settings but are not."""

import os
from collections.abc import Iterable, Iterator, Mapping

import structlog
from dotenv import dotenv_values

from ..settings import Settings
from ..settings_files import FILE
from .errors import CommandError

_SHORT = 6
"""The length up to which a name may differ in one character only; longer ones in two."""

_DATABASE = ("DATABASE_URL", "DATABASE_URL_FILE")

logger = structlog.get_logger("app.commands")


def check_names(settings: Settings) -> None:
    """Warn of misspelt names, for a command that works on existing tasks.

    Raises `CommandError` if `DATABASE_URL` is misspelt or empty, because the command would then use
    the embedded PostgreSQL.
    """
    given = _given()
    for name, meant in _misspelt(given):
        if meant in _DATABASE and settings.database_url is None:
            raise CommandError(
                f"{name} is not a setting. Did you mean {meant}? Rename or unset it."
            )
        _warn(name, meant)
    empty = [name for name in _DATABASE if given.get(name) == ""]
    if settings.database_url is None and empty:
        raise CommandError(
            f"{empty[0]} is empty. Set it for a PostgreSQL of your own, or unset it to use the "
            "embedded PostgreSQL in DATA_DIR."
        )


def warn_of_names() -> None:
    """Log a warning for each misspelt name."""
    for name, meant in _misspelt(_given()):
        _warn(name, meant)


def _warn(name: str, meant: str) -> None:
    logger.warning("unknown setting", name=name, did_you_mean=meant)


def _given() -> Mapping[str, str | None]:
    """Return the variables of `.env` and of the environment, which has precedence."""
    return {**dotenv_values(FILE, interpolate=False), **os.environ}


def _misspelt(given: Iterable[str]) -> Iterator[tuple[str, str]]:
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(set(given) - known):
        for setting in sorted(known):
            allowed = 1 if len(setting) <= _SHORT else 2
            if name.upper() != setting and _distance(name.upper(), setting, allowed) <= allowed:
                yield name, setting
                break


def _distance(one: str, other: str, most: int) -> int:
    """Return how many characters to insert, delete or replace; `most` + 1 if there are more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    above = list(range(len(other) + 1))
    for row, mine in enumerate(one, 1):
        left = [row]
        for column, its in enumerate(other, 1):
            changed = above[column - 1] + (mine != its)
            left.append(min(changed, above[column] + 1, left[-1] + 1))
        above = left
    return min(above[-1], most + 1)
