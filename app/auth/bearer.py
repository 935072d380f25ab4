"""The bearer token of a request (RFC 6750, section 2.1)."""

import re
from collections.abc import Sequence

from .errors import InvalidTokenError, MissingTokenError

MAX_TOKEN_BYTES = 8192

# A JWT's characters only: with padding, which bearer tokens allow, one token would have two forms.
_CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9\-._]+)", re.IGNORECASE)


def bearer_token(authorization: Sequence[str]) -> str:
    """Return the token from the values of all `Authorization` headers.

    Raises `MissingTokenError` if there is no bearer token, and `InvalidTokenError` if there is more
    than one header, or if the token is too long or malformed.
    """
    if len(authorization) > 1:
        raise InvalidTokenError("more than one Authorization header")
    if not authorization or authorization[0].split(" ")[0].lower() != "bearer":
        raise MissingTokenError
    if len(authorization[0]) > MAX_TOKEN_BYTES + len("Bearer "):
        raise InvalidTokenError(f"more than {MAX_TOKEN_BYTES} bytes")
    credentials = _CREDENTIALS.fullmatch(authorization[0])
    if credentials is None:
        raise InvalidTokenError("not of the form Bearer <token>")
    return credentials[1]
