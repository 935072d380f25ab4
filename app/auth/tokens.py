"""Verification of JSON Web Tokens (RFC 7519, and the advice of RFC 8725)."""

import jwt

from app.auth.claims import user_of
from app.auth.errors import InvalidTokenError
from app.strict_json import MalformedJsonError, parse

LEEWAY_SECONDS = 30

# These would choose a key, change how the payload is read, or must be understood and are not.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "zip", "enc", "b64"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class TokenVerifier:
    """Verifies HS256 tokens against one secret.

    `issuer` and `audience` are checked where they are given.
    """

    def __init__(self, secret: str, issuer: str | None = None, audience: str | None = None) -> None:
        self._secret = secret.encode()
        self._issuer = issuer
        self._audience = audience
        required = ["exp", *(["iss"] if issuer else []), *(["aud"] if audience else [])]
        self._options: jwt.types.Options = {
            "require": required,
            "verify_aud": audience is not None,
            "enforce_minimum_key_length": True,
        }

    def user_of(self, token: str) -> str:
        """Answer the user of a token. Raises `InvalidTokenError` for any that does not hold."""
        try:
            jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options=self._options,
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidTokenError(type(error).__name__) from None
        header, payload, _ = map(jwt.utils.base64url_decode, token.split("."))
        _check_header(header)
        return user_of(payload)


def _check_header(raw: bytes) -> None:
    try:
        header = parse(raw)
    except MalformedJsonError as error:
        raise InvalidTokenError(f"header: {error}") from None
    if not isinstance(header, dict) or _REFUSED_HEADERS & header.keys():
        raise InvalidTokenError("header with a member that is refused")
    type_ = header.get("typ", "JWT")
    if not isinstance(type_, str) or type_.lower() not in _TYPES:
        raise InvalidTokenError("header typ")
