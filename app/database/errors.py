"""What the database can do to a request that is nobody's bug."""

import asyncio
import re

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, is overloaded, or gave up on the statement."""


# Connection (08), log-in (28, while a password is changed), no such database (3D, while one is
# restored), resources (53), operator intervention (57P0, and 57014: cancelled by a time-out),
# read-only after a fail-over (25006), lock time-out, serialization, deadlock.
_TRANSIENT = re.compile(r"08...|28...|3D000|53...|57P0.|57014|25006|55P03|40001|40P01")


def is_transient(error: BaseException) -> bool:
    """Tell whether an error passes by itself, so that the same request can succeed later."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_transient_state(error)
    return isinstance(error, OSError | asyncio.TimeoutError | PoolTimeoutError)


def _is_transient_state(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # The driver's own word that the connection is gone comes without a state.
        return isinstance(error, InterfaceError)
    return _TRANSIENT.fullmatch(state) is not None
