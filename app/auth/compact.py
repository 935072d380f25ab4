"""The compact form of a signed token (RFC 7515, section 7.1), before its signature is checked.

Messages quote nothing of it: anyone may have written it.
"""

from codecs import BOM_UTF8
from typing import NamedTuple

import jwt

from quart_contract.strict_json import JsonValue, parse

from .errors import InvalidTokenError, Reason

# Headers that choose a key, change how the payload is read, or require support that is missing.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "zip", "enc", "b64"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_PARTS = 3
_ENCRYPTED_PARTS = 5


class Compact(NamedTuple):
    """The checked header of a token, and its payload."""

    algorithm: str
    key_id: str | None
    payload: bytes


def read_compact(token: str) -> Compact:
    """Return the parts of a token in its only canonical form. Raises `InvalidTokenError`."""
    parts = token.split(".")
    if len(parts) == _ENCRYPTED_PARTS:
        raise InvalidTokenError(
            Reason.ENCRYPTED,
            "it has five parts, as an encrypted token (JWE). Let your issuer sign tokens only; "
            "with Auth0, request an audience.",
        )
    header = _header(parts[0]) if len(parts) == _PARTS else None
    if header is None:
        raise InvalidTokenError(
            Reason.NOT_A_JWT,
            "it is an opaque token, not a JWT. Send the access token that your issuer signs, or "
            "let it issue JWTs.",
        )
    try:
        raw = [jwt.utils.base64url_decode(part) for part in parts]
    except ValueError:
        raise InvalidTokenError(Reason.MALFORMED, "a part of it is not base64url") from None
    # The last character of a part can contain unused bits, so one token would have several forms.
    if b".".join(map(jwt.utils.base64url_encode, raw)) != token.encode():
        raise InvalidTokenError(Reason.MALFORMED, "a part of it is not canonical base64url")
    return Compact(_algorithm(header), _key_id(header), raw[1])


def _header(part: str) -> dict[str, JsonValue] | None:
    """Return the header; None if there is none, so that the text is no JWT."""
    try:
        raw = jwt.utils.base64url_decode(part)
        header = parse(raw)
    except ValueError:
        return None
    return header if isinstance(header, dict) and not raw.startswith(BOM_UTF8) else None


def _algorithm(header: dict[str, JsonValue]) -> str:
    refused = sorted(_REFUSED_HEADERS & header.keys())
    if refused:
        words = f"its header has {', '.join(refused)}, which Taskward never uses"
        raise InvalidTokenError(Reason.HEADER, words)
    type_, algorithm = header.get("typ", "JWT"), header.get("alg")
    if not isinstance(type_, str) or type_.lower() not in _TYPES:
        raise InvalidTokenError(
            Reason.HEADER,
            "the typ in its header is neither JWT nor at+jwt: it is meant for something different",
        )
    if not isinstance(algorithm, str):
        raise InvalidTokenError(Reason.HEADER, "its header has no alg")
    return algorithm


def _key_id(header: dict[str, JsonValue]) -> str | None:
    id_ = header.get("kid")
    if not isinstance(id_, str | None):
        raise InvalidTokenError(Reason.HEADER, "the kid in its header is not a string")
    return id_
