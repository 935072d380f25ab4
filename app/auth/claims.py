"""The claims of a verified token, checked by the rules that JWT libraries leave to the application.

A valid signature proves who signed the token, not that its claims make sense. An empty or padded
subject, an expiry that is text, or one that is 300,000 years away is rejected here.
"""

import unicodedata
from typing import Annotated, NamedTuple

import msgspec

from quart_contract.strict_json import MalformedJsonError, parse

from .errors import InvalidTokenError

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]  # to the end of the year 9999
_User = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Claims(msgspec.Struct, frozen=True):
    """The claims that Taskward reads. Times are seconds since 1970."""

    exp: _Seconds
    nbf: _Seconds | msgspec.UnsetType = msgspec.UNSET
    iat: _Seconds | msgspec.UnsetType = msgspec.UNSET
    user_id: _User | msgspec.UnsetType = msgspec.UNSET
    sub: _User | msgspec.UnsetType = msgspec.UNSET


class Identity(NamedTuple):
    """The user of a token, and its expiry in seconds since 1970."""

    user_id: str
    expires_at: int


def identity_of(payload: bytes) -> Identity:
    """Return the user that a token's payload names, by `user_id` or by `sub`, and its expiry.

    Raises `InvalidTokenError` for a payload that is not strict JSON, for claims of a wrong type or
    range, for two different names, and for an invalid user id.
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
