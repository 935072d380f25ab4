"""Reasons why the database is unavailable, safe to log: no text from the server or from users."""

import socket
import ssl
from collections.abc import Iterator

UNREACHABLE = "unreachable"

_BY_STATE = {
    "28P01": "password authentication failed",
    "28": "login rejected",
    "3D000": "the database does not exist",
    "42501": "the login lacks a privilege",
    "53300": "too many connections",
    "53100": "disk full",
    "53200": "out of memory",
    "53": "out of resources",
    "57P03": "starting up or shutting down",
    "57P": "connection closed by the server",
    "57014": "statement timed out",
    "58": "disk or system error",
    "25006": "read-only",
    "55P03": "lock timed out",
    "08P01": "connection rejected (if DATABASE_URL points to a pooler, set "
    "DATABASE_POOLER=transaction)",
    "08": "connection lost",
}
"""Reasons by SQLSTATE or a prefix of it; the longest matching prefix applies."""

_BY_KIND: dict[type[BaseException], str] = {
    socket.gaierror: "unknown host name",
    TimeoutError: "no response in time",
    OSError: UNREACHABLE,
}


def reason(error: BaseException) -> str:
    """Return the reason why the database is unavailable."""
    chain = list(_chain(error))
    for each in chain:
        if words := _words(each):
            return words
    return UNREACHABLE


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes; the driver's error comes before SQLAlchemy's."""
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
        return _BY_STATE[max(fitting, key=len)] if fitting else f"PostgreSQL error {state}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate rejected: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    for kind, words in _BY_KIND.items():
        if isinstance(error, kind):
            return words
    return ""
