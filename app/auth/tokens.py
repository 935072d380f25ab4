"""Verification of JSON Web Tokens (RFC 7519, and the advice of RFC 8725)."""

import hashlib
import time
from collections.abc import Sequence

import jwt
from cachetools import LRUCache
from jwt.algorithms import AllowedPublicKeys, OKPAlgorithm

from .claims import Identity, identity_of, read_claims
from .clock import ClockWatch
from .compact import Compact, read_compact
from .errors import InvalidTokenError, Reason, UntimelyTokenError
from .expected import NOTHING, Expected
from .issuer import Issuer
from .key_sources import KeySource
from .keys import ALGORITHMS

REMEMBERED_TOKENS = 20_000

_SIGNATURES = jwt.PyJWS(options={"verify_signature": True, "enforce_minimum_key_length": True})
# RFC 9864 gave EdDSA with this curve a second name, which PyJWT 2.15 does not know.
_SIGNATURES.register_algorithm("Ed25519", OKPAlgorithm())


class TokenVerifier:
    """Verifies HS256 tokens against `secrets`, and others against the keys of `source`.

    Two secrets are accepted during a rotation. Without a secret, HS256 tokens are rejected; without
    a source, all others. The claims must be as `expected`. A valid token is remembered by its
    digest until it expires.
    """

    def __init__(
        self,
        secrets: Sequence[str] = (),
        source: KeySource | None = None,
        expected: Expected = NOTHING,
    ) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._verified: LRUCache[bytes, Identity] = LRUCache(REMEMBERED_TOKENS)
        self._clock = ClockWatch()
        # When the keys change, forget the tokens: a withdrawn key may have signed some of them.
        self._keys = Issuer(source, self._clock, self._verified.clear) if source else None
        self._expected = expected

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
        payload = await self.verified_payload(read_compact(token), token, address)
        try:
            identity = identity_of(read_claims(payload), self._expected, time.time())
        except UntimelyTokenError as error:
            self._clock.rejected(token, error)
            raise
        self._clock.accepted()
        self._verified[_digest(token)] = identity
        return identity.user_id

    async def verified_payload(self, compact: Compact, token: str, address: str = "") -> bytes:
        """Return the payload of a token if its signature is valid; its claims may be wrong.

        Raises the same as `verify`.
        """
        keys = await self._keys_for(compact, address)
        # Try every key, so that the response time does not show which secret was nearly right.
        valid = [_is_signed(token, key, compact.algorithm) for key in keys]
        if not any(valid):
            raise InvalidTokenError(Reason.SIGNATURE, "its signature is not valid under our keys")
        return compact.payload

    async def keys_fault(self) -> str:
        """Return why tokens cannot be verified, or "": an issuer needs keys, fetched once."""
        return "" if self._keys is None else await self._keys.fault()

    async def close(self) -> None:
        """Cancel a running fetch of keys."""
        if self._keys is not None:
            await self._keys.close()

    async def _keys_for(
        self, compact: Compact, address: str
    ) -> Sequence[bytes] | Sequence[AllowedPublicKeys]:
        """Return the keys for an algorithm; keys of one kind never verify tokens of the other."""
        if compact.algorithm == "HS256" and self._secrets:
            return self._secrets
        if compact.algorithm in ALGORITHMS and self._keys is not None:
            return [(await self._keys.key(compact.key_id, compact.algorithm, address)).public]
        if compact.algorithm == "HS256":
            words = "its alg is HS256, and no secret is set"
        elif compact.algorithm in ALGORITHMS:
            words = "its alg needs published keys, and only a secret is set"
        else:
            words = "Taskward does not support its alg"
        raise InvalidTokenError(Reason.ALGORITHM, words)


def _is_signed(token: str, key: bytes | AllowedPublicKeys, algorithm: str) -> bool:
    try:
        _SIGNATURES.decode(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, RecursionError):
        return False
    return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
