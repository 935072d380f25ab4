"""What commands need before they start: a database, and a secret."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from ..database import embedded
from ..database.driver.url import DatabaseUrl
from ..database.embedded.folder import open_data_folder
from ..settings import Settings
from .errors import CommandError

_SECRET = "secret"  # noqa: S105 - the name of a file in the data folder


@contextmanager
def server_database(settings: Settings) -> Iterator[Settings]:
    """Yield settings with a database for a server: the configured one, or a new embedded one."""
    if settings.database_url is not None:
        yield settings
        return
    with embedded.start(settings.data_dir) as server:
        yield _with_url(settings, server.url)


@contextmanager
def any_database(settings: Settings) -> Iterator[Settings]:
    """Yield settings with a database for one command.

    Without `DATABASE_URL`, it is the embedded one of a running server, or a new one.
    """
    url = None if settings.database_url else embedded.attach(settings.data_dir)
    if url is not None:
        yield _with_url(settings, url)
        return
    with server_database(settings) as resolved:
        yield resolved


def development_secret(settings: Settings) -> Settings:
    """Return settings with a secret: the configured one, or one that is generated once and kept.

    Raises `CommandError` if the data folder cannot hold it.
    """
    if settings.better_auth_secret is not None:
        return settings
    try:
        folder = open_data_folder(settings.data_dir, make=True)
        if folder.read(_SECRET) is None:
            folder.write(_SECRET, secrets.token_urlsafe(48))
    except OSError as error:
        raise CommandError(
            f"DATA_DIR: cannot keep a secret in {settings.data_dir} ({error.strerror}). "
            "Set BETTER_AUTH_SECRET, or set DATA_DIR to a writable folder."
        ) from None
    return settings.with_generated_secret(kept_secret(settings))


def with_kept_secret(settings: Settings) -> Settings:
    """Return settings with a secret: the configured one, or the generated one if it was kept."""
    if settings.better_auth_secret is not None:
        return settings
    return settings.with_generated_secret(kept_secret(settings))


def kept_secret(settings: Settings) -> SecretStr | None:
    """Return the secret that the development server generated; None if there is none."""
    try:
        secret = open_data_folder(settings.data_dir).read(_SECRET)
    except OSError:
        return None
    return None if secret is None else SecretStr(secret)


def _with_url(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"database_url": DatabaseUrl(url)})
