"""What can go wrong between this program and the database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.database.driver.causes import reason
from app.database.driver.outages import Outage


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, is overloaded, or gave up on the statement."""


class SearchTimeoutError(DatabaseUnavailableError):
    """A search took too long, or waited too long for other searches."""


class ConflictError(DatabaseUnavailableError):
    """PostgreSQL has undone all of a transaction for the sake of another one."""


class StatementError(Exception):
    """A statement is wrong, or breaks a constraint. What it was given is not told."""


class CommitError(Exception):
    """A transaction was to be committed that had failed before."""


CONNECTION_LOST = (
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InterfaceError,
    # Of a connection whose end was announced while nobody used it.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    OSError,
)
"""What the driver raises where the connection is gone."""


def is_lost(error: BaseException) -> bool:
    """Tell whether an error says that the connection is gone: nobody waited in vain for it.

    A value that the driver cannot write is an error of its interface, too, but a bug; unlike a
    certificate that does not hold, which is an error of a value as well.
    """
    is_bug = isinstance(error, ValueError) and not isinstance(error, SSLCertVerificationError)
    return isinstance(error, CONNECTION_LOST) and not isinstance(error, TimeoutError) and not is_bug


def is_read_only(error: BaseException) -> bool:
    """Tell whether an error says that nothing can be written, as after a fail-over.

    The database that has taken over can be at the same address: it is reached by a new connection.
    """
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError)


CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What the driver raises where a transaction was undone for the sake of another."""

# Connection (08), log-in (28, while a password is changed), no such database (3D, while one is
# restored), resources (53), operator intervention (57P0, and 57014: cancelled by a time-out), a
# disk that fails (58030), read-only after a fail-over (25006), lock time-out, serialization,
# deadlock.
_TRANSIENT = re.compile(r"08...|28...|3D000|53...|57P0.|57014|58030|25006|55P03|40001|40P01")


def is_transient(error: BaseException) -> bool:
    """Tell whether an error passes by itself, so that the same request can succeed later.

    It comes from SQLAlchemy, or from the driver itself.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if state is not None:
        return _TRANSIENT.fullmatch(state) is not None
    passing = InterfaceError, PoolTimeoutError, TimeoutError
    return is_lost(error) or isinstance(error, passing)


# A conflict, a lock that is not released and a statement that takes too long are of one request.
_OF_ONE_REQUEST = re.compile("40...|55P03|57014")


def is_outage(error: BaseException) -> bool:
    """Return whether an error says that the database as a whole cannot be used."""
    if isinstance(error, SearchTimeoutError):
        return False
    if isinstance(error, TimeoutError) and error.errno is None:
        return False  # a request waited for its user's share, or its transaction took too long
    if isinstance(error, DatabaseUnavailableError):  # what the pool has found
        return error.__cause__ is None or is_outage(error.__cause__)
    if isinstance(error, PoolTimeoutError) or not is_transient(error):
        return False
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state is None or _OF_ONE_REQUEST.fullmatch(state) is None


@contextmanager
def telling_what_passes(outage: Outage) -> Iterator[None]:
    """Raise `DatabaseUnavailableError` for what passes by itself, and note an outage.

    What else the driver raises is a `StatementError`, without its words: they quote values.
    """
    try:
        yield
    except Exception as error:
        if is_outage(error):
            outage.failed(reason(error))
        kind = type(error).__name__
        if is_transient(error):
            told = ConflictError if isinstance(error, CONFLICT) else DatabaseUnavailableError
            raise told(kind) from error
        if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError)):
            constraint = getattr(error, "constraint_name", None)
            raise StatementError(f"{kind} {constraint or ''}".rstrip()) from None
        raise
