"""Verification of JSON Web Tokens (RFC 7519, and the advice of RFC 8725)."""

import hashlib
import time
from collections.abc import Sequence

import jwt
from cachetools import LRUCache
from jwt.algorithms import AllowedPublicKeys

from quart_contract.strict_json import JsonValue, parse

from .claims import Identity, identity_of
from .errors import InvalidTokenError
from .issuer import Issuer
from .keys import ALGORITHMS

LEEWAY_SECONDS = 30
REMEMBERED_TOKENS = 10_000

# Headers that choose a key, change how the payload is read, or require support that is missing.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "zip", "enc", "b64"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_PARTS = 3


class TokenVerifier:
    """Verifies HS256 tokens against `secrets`, and others against the keys of `jwks_url`.

    Two secrets are accepted during a rotation. Without a secret, HS256 tokens are rejected; without
    a URL, all others. `issuer` and `audience` are checked if they are given. A valid token is
    remembered by its digest until it expires.
    """

    def __init__(
        self,
        secrets: Sequence[str] = (),
        jwks_url: str | None = None,
        *,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._verified: LRUCache[bytes, Identity] = LRUCache(REMEMBERED_TOKENS)
        # When the keys change, forget the tokens: a withdrawn key may have signed some of them.
        self._keys = Issuer(jwks_url, self._verified.clear) if jwks_url else None
        self._issuer = issuer
        self._audience = audience
        required = ["exp", *(["iss"] if issuer else []), *(["aud"] if audience else [])]
        self._options: jwt.types.Options = {
            "require": required,
            "verify_aud": audience is not None,
            "enforce_minimum_key_length": True,
        }

    def remembered(self, token: str) -> str | None:
        """Return the user of a token that was verified before and has not expired, or None."""
        if self._keys is not None:
            self._keys.renew()
        identity = self._verified.get(_digest(token))
        return identity.user_id if identity and time.time() < identity.expires_at else None

    async def verify(self, token: str, address: str = "") -> str:
        """Return the user of a token from a client's address.

        Raises `InvalidTokenError` for an invalid token, and `KeysUnavailableError` if the issuer's
        keys cannot be fetched.
        """
        identity = await self._verify(token, address)
        self._verified[_digest(token)] = identity
        return identity.user_id

    async def has_keys(self) -> bool:
        """Return whether tokens can be verified: with an issuer, once its keys were fetched."""
        return self._keys is None or await self._keys.has_keys()

    async def close(self) -> None:
        """Cancel a running fetch of keys."""
        if self._keys is not None:
            await self._keys.close()

    async def _verify(self, token: str, address: str) -> Identity:
        header, payload = _parts(token)
        algorithm = _algorithm(header)
        keys = await self._keys_for(header.get("kid"), algorithm, address)
        # Try every key, so that the response time does not show which secret was nearly right.
        faults = [self._fault(token, key, algorithm) for key in keys]
        if all(faults):
            raise InvalidTokenError(", ".join(map(str, faults)))
        return identity_of(payload)

    def _fault(self, token: str, key: bytes | AllowedPublicKeys, algorithm: str) -> str | None:
        """Return why a token is invalid under a key; None if it is valid."""
        try:
            jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options=self._options,
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            return type(error).__name__
        return None

    async def _keys_for(
        self, id_: JsonValue, algorithm: str, address: str
    ) -> Sequence[bytes] | Sequence[AllowedPublicKeys]:
        """Return the keys for an algorithm; keys of one kind never verify tokens of the other."""
        if algorithm == "HS256" and self._secrets:
            return self._secrets
        if algorithm in ALGORITHMS and self._keys is not None and isinstance(id_, str | None):
            return [(await self._keys.key(id_, algorithm, address)).public]
        raise InvalidTokenError("no key for the algorithm")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _parts(token: str) -> tuple[dict[str, JsonValue], bytes]:
    """Return the header and payload of a token in its only canonical form."""
    try:
        raw = [jwt.utils.base64url_decode(part) for part in token.split(".")]
        header = parse(raw[0])
    except ValueError as error:
        raise InvalidTokenError(f"header: {error}") from None
    # The last character of a part can contain unused bits, so one token would have several forms.
    if b".".join(map(jwt.utils.base64url_encode, raw)) != token.encode() or len(raw) != _PARTS:
        raise InvalidTokenError("not three parts of base64url")
    if not isinstance(header, dict) or _REFUSED_HEADERS & header.keys():
        raise InvalidTokenError("header parameter not allowed")
    return header, raw[1]


def _algorithm(header: dict[str, JsonValue]) -> str:
    type_, algorithm = header.get("typ", "JWT"), header.get("alg")
    if not isinstance(type_, str) or type_.lower() not in _TYPES:
        raise InvalidTokenError("header typ not supported")
    if not isinstance(algorithm, str):
        raise InvalidTokenError("header alg is not a string")
    return algorithm
