"""Verification of JSON Web Tokens (RFC 7519, and the advice of RFC 8725)."""

import hashlib
import time
from collections.abc import Sequence

import jwt
from cachetools import LRUCache
from jwt.algorithms import AllowedPublicKeys

from app.auth.claims import Identity, identity_of
from app.auth.errors import InvalidTokenError
from app.auth.issuer import Issuer
from app.auth.keys import ALGORITHMS
from quart_contract.strict_json import JsonValue, parse

LEEWAY_SECONDS = 30
REMEMBERED_TOKENS = 10_000

# These would choose a key, change how the payload is read, or must be understood and are not.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "zip", "enc", "b64"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_PARTS = 3


class TokenVerifier:
    """Verifies HS256 tokens against `secrets`, and others against the keys of `jwks_url`.

    Of secrets there are two while one takes the place of the other. Where there is none, or no
    URL, tokens of that kind are refused. `issuer` and `audience` are checked where they are
    given. A token that held is remembered until it expires, by its digest.
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
        # What a key that was withdrawn has signed does not hold any more.
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
        """Answer the user of a token that has held before, and still does; else None."""
        if self._keys is not None:
            self._keys.renew()
        identity = self._verified.get(_digest(token))
        return identity.user_id if identity and time.time() < identity.expires_at else None

    async def verify(self, token: str, address: str = "") -> str:
        """Answer the user of a token that came from a client's address.

        Raises `InvalidTokenError` for any that does not hold, and `KeysUnavailableError` where
        that cannot be told because the issuer's keys are not to be had.
        """
        identity = await self._verify(token, address)
        self._verified[_digest(token)] = identity
        return identity.user_id

    async def has_keys(self) -> bool:
        """Tell whether tokens can be verified: those of an issuer, once its keys were fetched."""
        return self._keys is None or await self._keys.has_keys()

    async def close(self) -> None:
        """End what is under way."""
        if self._keys is not None:
            await self._keys.close()

    async def _verify(self, token: str, address: str) -> Identity:
        header, payload = _parts(token)
        algorithm = _algorithm(header)
        keys = await self._keys_for(header.get("kid"), algorithm, address)
        # Each is tried, so that the time of a refusal does not tell which secret nearly fitted.
        faults = [self._fault(token, key, algorithm) for key in keys]
        if all(faults):
            raise InvalidTokenError(", ".join(map(str, faults)))
        return identity_of(payload)

    def _fault(self, token: str, key: bytes | AllowedPublicKeys, algorithm: str) -> str | None:
        """What keeps a token from holding under a key; None where it holds."""
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
        """The keys that the algorithm asks for: never may one kind stand in for the other."""
        if algorithm == "HS256" and self._secrets:
            return self._secrets
        if algorithm in ALGORITHMS and self._keys is not None and isinstance(id_, str | None):
            return [(await self._keys.key(id_, algorithm, address)).public]
        raise InvalidTokenError("no key for the algorithm")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _parts(token: str) -> tuple[dict[str, JsonValue], bytes]:
    """Header and payload of a token that is written in the one form that it has."""
    try:
        raw = [jwt.utils.base64url_decode(part) for part in token.split(".")]
        header = parse(raw[0])
    except ValueError as error:
        raise InvalidTokenError(f"header: {error}") from None
    # The last character of a part can have bits that count for nothing.
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
