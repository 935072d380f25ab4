"""The claims of a verified token, held to the rules that JWT libraries leave to the application.

A valid signature says who made the token, not that its claims make sense: an empty or padded
subject, an expiry that is text, or one that is 300,000 years away are refused here.
"""

import unicodedata
from typing import Annotated, NamedTuple

import msgspec

from app.auth.errors import InvalidTokenError
from quart_contract.strict_json import MalformedJsonError, parse

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]  # to the end of the year 9999
_User = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Claims(msgspec.Struct, frozen=True):
    """The claims that Taskward looks at. Times are seconds since 1970."""

    exp: _Seconds
    nbf: _Seconds | msgspec.UnsetType = msgspec.UNSET
    iat: _Seconds | msgspec.UnsetType = msgspec.UNSET
    user_id: _User | msgspec.UnsetType = msgspec.UNSET
    sub: _User | msgspec.UnsetType = msgspec.UNSET


class Identity(NamedTuple):
    """The user of a token, and when it expires, in seconds since 1970."""

    user_id: str
    expires_at: int


def identity_of(payload: bytes) -> Identity:
    """Answer whom a token's payload names: `user_id`, else `sub`.

    Raises `InvalidTokenError` for a payload that is not strict JSON, for claims of a wrong type
    or range, for two names that differ, and for a name that no user can have.
    """
    try:
        claims = msgspec.convert(parse(payload), Claims)
    except (MalformedJsonError, msgspec.ValidationError) as error:
        raise InvalidTokenError(str(error)) from None
    names = {claims.user_id, claims.sub} - {msgspec.UNSET}
    if len(names) != 1:
        raise InvalidTokenError("no user id, or two different ones")
    user = str(names.pop())
    if user != user.strip() or any(unicodedata.category(each) == "Cc" for each in user):
        raise InvalidTokenError("the user id has control characters or white space at its ends")
    return Identity(user, claims.exp)
