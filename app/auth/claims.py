"""The claims of a token whose signature is valid, checked against the settings.

A valid signature proves who signed the token, not that its claims make sense. An empty or padded
subject, an expiry that is text, or one that is 300,000 years away is rejected here.
"""

import unicodedata
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from typing import NamedTuple

from quart_contract.strict_json import JsonValue, MalformedJsonError, parse

from .errors import InvalidTokenError, Reason, UntimelyTokenError
from .expected import Expected
from .quoting import quoted

LEEWAY_SECONDS = 30
LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""
MAX_USER_CHARACTERS = 255

# Claims that some issuers send in the place of `aud`, or beside it.
_CLIENT_CLAIMS = ("azp", "client_id", "appid", "cid")

Claims = dict[str, JsonValue]


class Identity(NamedTuple):
    """The user of a token, and its expiry in seconds since 1970."""

    user_id: str
    expires_at: float


def read_claims(payload: bytes) -> Claims:
    """Return the claims of a payload. Raises `InvalidTokenError` if it is no strict JSON object."""
    if payload.startswith(BOM_UTF8):  # a body may have one; to other verifiers, a token may not
        raise InvalidTokenError(Reason.CLAIMS, "its claims begin with a byte order mark")
    try:
        claims = parse(payload)
    except MalformedJsonError as error:
        raise InvalidTokenError(Reason.CLAIMS, f"its claims are not JSON: {error}") from None
    if not isinstance(claims, dict):
        raise InvalidTokenError(Reason.CLAIMS, "its claims are not a JSON object")
    return claims


def identity_of(claims: Claims, expected: Expected, now: float) -> Identity:
    """Return the user and the expiry of a token. Raises `InvalidTokenError`."""
    for check in CHECKS.values():
        check(claims, expected, now)
    return Identity(user_of(claims, expected), _expiry(claims))


def check_issuer(claims: Claims, expected: Expected, _: float = 0) -> None:
    """Check `iss`."""
    issuer = claims.get("iss")
    if not expected.issuers or (isinstance(issuer, str) and issuer in expected.issuers):
        return
    words = f"{seen(claims, 'iss')}, JWT_ISSUER is {_listed(expected.issuers)}"
    if isinstance(issuer, str) and issuer.rstrip("/") in {
        each.rstrip("/") for each in expected.issuers
    }:
        words += ": they differ in a slash at the end"
    raise InvalidTokenError(Reason.ISSUER, words)


def check_audience(claims: Claims, expected: Expected, _: float = 0) -> None:
    """Check `aud`, which is one audience or a list of them."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    texts = [each for each in named if isinstance(each, str)]
    if not expected.audiences or (
        texts and len(texts) == len(named) and not set(texts).isdisjoint(expected.audiences)
    ):
        return
    words = f"{seen(claims, 'aud')}, JWT_AUDIENCE is {_listed(expected.audiences)}"
    if not audience:
        others = [seen(claims, name) for name in _CLIENT_CLAIMS if name in claims]
        words += f"; {', '.join(others)}: JWT_REQUIRED_CLAIMS can check that" if others else ""
    raise InvalidTokenError(Reason.AUDIENCE, words)


def check_required_claims(claims: Claims, expected: Expected, _: float = 0) -> None:
    """Check the claims of `JWT_REQUIRED_CLAIMS`."""
    for name, options in expected.claims.items():
        value = claims.get(name)
        members = value if isinstance(value, list) else [value]
        if not any(_text_of(each) in options for each in members):
            required = _listed(options)
            words = f"{seen(claims, name)}, JWT_REQUIRED_CLAIMS requires {required}"
            raise InvalidTokenError(Reason.REQUIRED_CLAIM, words)


def check_user(claims: Claims, expected: Expected, _: float = 0) -> None:
    """Check that there is one valid user id."""
    user_of(claims, expected)


def check_times(claims: Claims, _: Expected, now: float) -> None:
    """Check `exp`, which is required, and `nbf` and `iat`, within `LEEWAY_SECONDS`."""
    expires_at, issued_at = _expiry(claims), _time(claims, "iat")
    for name, start in (("nbf", _time(claims, "nbf")), ("iat", issued_at)):
        if start is not None and start > now + LEEWAY_SECONDS:
            words = f"{name} is in the future, by this machine's clock"
            raise UntimelyTokenError(Reason.NOT_YET_VALID, words, start - now)
    if expires_at <= now - LEEWAY_SECONDS:
        words = "exp is in the past, by this machine's clock"
        age = None if issued_at is None else now - issued_at
        raise UntimelyTokenError(Reason.EXPIRED, words, now - expires_at, age)


Check = Callable[[Claims, Expected, float], None]
CHECKS: dict[str, Check] = {
    "iss": check_issuer,
    "aud": check_audience,
    "required claims": check_required_claims,
    "user": check_user,
    "times": check_times,
}
"""Each raises `InvalidTokenError`. Faults that do not pass with time come first."""


def user_of(claims: Claims, expected: Expected) -> str:
    """Return the user: the claim `user_claim`, or `user_id` and `sub`, which must be equal."""
    names = (expected.user_claim,) if expected.user_claim else ("user_id", "sub")
    users = {_valid_user(claims, name) for name in names if name in claims}
    if not users:
        raise InvalidTokenError(Reason.USER, f"it names no user: no {' and no '.join(names)}")
    if len(users) > 1:
        both = ", but ".join(seen(claims, name) for name in names)
        raise InvalidTokenError(Reason.USER, f"{both}. JWT_USER_CLAIM can name one of them.")
    return users.pop()


def _valid_user(claims: Claims, name: str) -> str:
    user = claims[name]
    if not isinstance(user, str):
        fault = "is not a string"
    elif not 0 < len(user) <= MAX_USER_CHARACTERS:
        fault = f"does not have 1 to {MAX_USER_CHARACTERS} characters"
    elif user != user.strip():
        fault = "has white space at its ends"
    elif any(unicodedata.category(each) == "Cc" for each in user):
        fault = "has control characters"
    else:
        return user
    raise InvalidTokenError(Reason.USER, f"{seen(claims, name)}, which {fault}")


def _expiry(claims: Claims) -> float:
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise InvalidTokenError(Reason.CLAIMS, "exp is missing")
    return expires_at


def _time(claims: Claims, name: str) -> float | None:
    """Return a time in seconds since 1970, perhaps with a fraction (RFC 7519, section 2)."""
    if name not in claims:
        return None
    value = claims[name]
    seconds = -1 if isinstance(value, bool) or not isinstance(value, int | float) else value
    if 0 <= seconds <= LAST_SECOND:
        return seconds
    raise InvalidTokenError(
        Reason.CLAIMS, f"{seen(claims, name)}, which is not a number of seconds since 1970"
    )


def _text_of(value: JsonValue) -> str | None:
    """Return a value as `JWT_REQUIRED_CLAIMS` writes it; None if it cannot be required."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def seen(claims: Claims, name: str) -> str:
    """Return what a claim is, in words."""
    return f"{name} is {quoted(claims[name])}" if name in claims else f"{name} is missing"


def _listed(values: Iterable[str]) -> str:
    return " or ".join(map(quoted, values))
