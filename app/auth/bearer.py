"""The bearer token of a request (RFC 6750, section 2.1)."""

import re
from collections.abc import Sequence

from .errors import InvalidTokenError, MissingTokenError, OtherSchemeError, Reason

MAX_TOKEN_BYTES = 16 * 1024

# A JWT's characters only: with padding, which bearer tokens allow, one token would have two forms.
_CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9\-._]+)", re.IGNORECASE)


def bearer_token(authorization: Sequence[str]) -> str:
    """Return the token from the values of all `Authorization` headers.

    Raises `MissingTokenError` if there is no header, `OtherSchemeError` if it has no bearer token,
    and `InvalidTokenError` if there is more than one, or if the token is too long or malformed.
    """
    if len(authorization) > 1:
        raise InvalidTokenError(Reason.MALFORMED, "more than one Authorization header")
    if not authorization or not authorization[0]:
        raise MissingTokenError
    if authorization[0].split(" ")[0].lower() != "bearer":
        raise OtherSchemeError
    if len(authorization[0]) > MAX_TOKEN_BYTES + len("Bearer "):
        words = f"it has more than {MAX_TOKEN_BYTES} bytes. Let your issuer put fewer claims in it."
        raise InvalidTokenError(Reason.MALFORMED, words)
    credentials = _CREDENTIALS.fullmatch(authorization[0])
    if credentials is None:
        words = "the header is not of the form Bearer <token>, with the characters of a JWT"
        raise InvalidTokenError(Reason.MALFORMED, words)
    return credentials[1]
