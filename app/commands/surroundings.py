"""What the commands need before they can start: a database, and a secret."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from app.commands.errors import CommandError
from app.database import embedded
from app.database.url import DatabaseUrl
from app.settings import Settings


@contextmanager
def server_database(settings: Settings) -> Iterator[Settings]:
    """Settings with a database for a server: the configured one, or an embedded one of its own."""
    if settings.database_url is not None:
        yield settings
        return
    with embedded.start(settings.data_dir) as server:
        yield _with_url(settings, server.url)


@contextmanager
def any_database(settings: Settings) -> Iterator[Settings]:
    """Settings with a database for one command, which shares a running server's embedded one."""
    url = None if settings.database_url else embedded.attach(settings.data_dir)
    if url is not None:
        yield _with_url(settings, url)
        return
    with server_database(settings) as complete:
        yield complete


def development_secret(settings: Settings) -> Settings:
    """Settings with a secret: the configured one, or one that is made once and kept."""
    if settings.better_auth_secret is not None:
        return settings
    path = secret_path(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(48))
        secret = path.read_text()
    except OSError as error:
        raise CommandError(
            f"cannot keep a secret in {path}: {error.strerror}; "
            "set BETTER_AUTH_SECRET, or DATA_DIR to a folder that can be written"
        ) from None
    return settings.model_copy(update={"better_auth_secret": SecretStr(secret)})


def secret_path(settings: Settings) -> Path:
    """Where the development server keeps the secret that it made."""
    return settings.data_dir / "secret"


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _with_url(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"database_url": DatabaseUrl(url)})
