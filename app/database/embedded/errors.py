"""Errors of the embedded database."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG_LINES = 8


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; the message gives the reason and what to do."""


@contextmanager
def convert_os_errors(path: Path) -> Iterator[None]:
    """Convert errors of the file system into `EmbeddedPostgresError`."""
    try:
        yield
    except OSError as error:
        raise EmbeddedPostgresError(
            f"{error.filename or path}: {error.strerror}. {_advice(error)}"
        ) from None


def program_error(action: str, output: str) -> EmbeddedPostgresError:
    """Return the error for a failed program of PostgreSQL, with the last lines of its output."""
    words = "\n".join(f"  {line}" for line in output.strip().splitlines()[-LOG_LINES:])
    full = "no space left on device" in output.lower()
    advice = "Free some space, or set DATA_DIR to a folder on another disk." if full else _GENERAL
    return EmbeddedPostgresError(f"{action} failed:\n{words}\n{advice}")


_GENERAL = "Set DATA_DIR to another folder, or DATABASE_URL to your own PostgreSQL."


def _advice(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "Free some space, or set DATA_DIR to a folder on another disk."
    return "Set DATA_DIR to a writable folder."
