"""Errors of the database, and functions that classify them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ...lasting_event import LastingEvent
from .causes import reason


class DatabaseUnavailableError(Exception):
    """The database is unreachable or overloaded, or it cancelled the statement."""


class SearchTimeoutError(DatabaseUnavailableError):
    """A search took too long, or waited too long for other searches."""


class ConflictError(DatabaseUnavailableError):
    """PostgreSQL rolled back the whole transaction because of another one."""


class StatementError(Exception):
    """A statement is invalid or violates a constraint. The message contains no values."""


class CommitError(Exception):
    """COMMIT was sent for a transaction that had already failed."""


CONNECTION_LOST = (
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InterfaceError,
    # Raised for an idle connection that the server has closed.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    OSError,
)
"""Errors of the driver that mean that the connection is lost."""


def is_lost(error: BaseException) -> bool:
    """Return whether an error means that the connection is lost. A time-out does not.

    A value that the driver cannot encode raises an `InterfaceError` that is a `ValueError`: that is
    a bug, not a lost connection. A rejected certificate is also a `ValueError`, but counts as lost.
    """
    is_bug = isinstance(error, ValueError) and not isinstance(error, SSLCertVerificationError)
    return isinstance(error, CONNECTION_LOST) and not isinstance(error, TimeoutError) and not is_bug


def is_read_only(error: BaseException) -> bool:
    """Return whether an error means that the database is read-only, as after a failover.

    The new primary can have the same address, so a new connection may reach it.
    """
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError)


CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Errors of the driver that mean that a transaction was rolled back because of another one."""

# Connection (08), login (28, while a password is changed), no such database (3D, while a backup is
# restored), resources (53), operator intervention (57P0, and 57014: cancelled by a time-out), a
# disk that fails (58030), read-only after a failover (25006), lock time-out, serialization,
# deadlock.
_TRANSIENT = re.compile(r"08...|28...|3D000|53...|57P0.|57014|58030|25006|55P03|40001|40P01")


def _state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error from SQLAlchemy or from the driver; None if it has none."""
    state: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state


def is_transient(error: BaseException) -> bool:
    """Return whether an error is transient, so that the same request can succeed later.

    The error comes from SQLAlchemy or from the driver.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _state_of(error)
    if state is not None:
        return _TRANSIENT.fullmatch(state) is not None
    transient = InterfaceError, PoolTimeoutError, TimeoutError
    return is_lost(error) or isinstance(error, transient)


# Conflicts, lock time-outs and statement time-outs concern a single request, not the database.
_OF_ONE_REQUEST = re.compile("40...|55P03|57014")


def is_outage(error: BaseException) -> bool:
    """Return whether an error means that the whole database is unavailable."""
    if isinstance(error, SearchTimeoutError):
        return False
    if isinstance(error, TimeoutError) and error.errno is None:
        return False  # a request waited for its user's share, or its transaction took too long
    if isinstance(error, DatabaseUnavailableError):  # raised by the pool
        cause = error.__cause__
        if cause is None or _state_of(cause) is None:
            return cause is None or is_outage(cause)
        # No connection or transaction could begin, whatever PostgreSQL's error was.
        error = cause
    elif isinstance(error, PoolTimeoutError) or not is_transient(error):
        return False
    state = _state_of(error)
    return state is None or _OF_ONE_REQUEST.fullmatch(state) is None


@contextmanager
def translate_driver_errors(outage: LastingEvent) -> Iterator[None]:
    """Raise `DatabaseUnavailableError` for transient errors, and record an outage.

    Raises `StatementError` for other errors of the driver, without their text, which quotes values.
    """
    try:
        yield
    except Exception as error:
        if is_outage(error):
            outage.occurs(reason(error))
        kind = type(error).__name__
        if is_transient(error):
            raised = ConflictError if isinstance(error, CONFLICT) else DatabaseUnavailableError
            raise raised(kind) from error
        if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError)):
            constraint = getattr(error, "constraint_name", None)
            raise StatementError(f"{kind} {constraint or ''}".rstrip()) from None
        raise
