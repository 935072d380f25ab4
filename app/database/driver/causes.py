"""Why the database cannot be used, in words that are safe in a log: nothing that others wrote."""

import socket
import ssl
from collections.abc import Iterator

UNREACHABLE = "it cannot be reached"

_BY_STATE = {
    "28P01": "password authentication failed",
    "28": "the login is refused",
    "3D000": "there is no such database",
    "42501": "the login lacks a right",
    "53300": "too many connections",
    "53100": "the disk is full",
    "53200": "out of memory",
    "53": "a resource is exhausted",
    "57P03": "it is starting up or shutting down",
    "57P": "it ends connections",
    "57014": "a statement took too long",
    "58": "its disk or system fails",
    "25006": "it takes no writes",
    "55P03": "a lock was not released in time",
    "08P01": "the connection was refused (if DATABASE_URL leads to a pooler, set "
    "DATABASE_POOLER=transaction)",
    "08": "the connection was lost",
}
"""By SQLSTATE, or by its beginning; the longest that fits counts."""

_BY_KIND: dict[type[BaseException], str] = {
    socket.gaierror: "the name of its host is unknown",
    TimeoutError: "it did not respond in time",
    OSError: UNREACHABLE,
}


def reason(error: BaseException) -> str:
    """Return why the database cannot be used."""
    chain = list(_chain(error))
    for each in chain:
        if words := _words(each):
            return words
    return UNREACHABLE


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what it was raised for; that of the driver before SQLAlchemy's."""
    while error is not None:
        original = getattr(error, "orig", None)
        if isinstance(original, BaseException):
            yield from _chain(original)
        yield error
        error = error.__cause__


def _words(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        fitting = [known for known in _BY_STATE if state.startswith(known)]
        return _BY_STATE[max(fitting, key=len)] if fitting else f"PostgreSQL's error {state}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    for kind, words in _BY_KIND.items():
        if isinstance(error, kind):
            return words
    return ""
