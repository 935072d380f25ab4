"""The keys of a JWK Set (RFC 7517) that can verify tokens."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import AllowedPublicKeys

from quart_contract.strict_json import JsonValue, MalformedJsonError, parse

from .errors import InvalidKeySetError

MIN_RSA_BITS = 2048

# Algorithms by key type and curve (RFC 7518, RFC 8037).
_ALGORITHMS = {
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("RSA", None): frozenset({"PS256", "RS256"}),
}
ALGORITHMS = frozenset[str]().union(*_ALGORITHMS.values())
"""Every algorithm that a published key can verify."""


class Key(NamedTuple):
    """A public key, its `kid`, and its algorithms."""

    id: str | None
    algorithms: frozenset[str]
    public: AllowedPublicKeys


def read_keys(document: bytes) -> tuple[Key, ...]:
    """Return the usable keys of a JWK Set.

    Keys of other kinds are left out: a set may contain them for other services. Raises
    `InvalidKeySetError` if the document is not a JWK Set.
    """
    try:
        tree = parse(document)
    except MalformedJsonError as error:
        raise InvalidKeySetError(f"not JSON: {error}") from None
    listed = tree.get("keys") if isinstance(tree, dict) else None
    if not isinstance(listed, list):
        raise InvalidKeySetError("not a JWK Set")
    return tuple(key for each in listed if (key := _key(each)) is not None)


def find(keys: Iterable[Key], id_: str | None, algorithm: str) -> Key | None:
    """Return the only key that matches a token's header; None if no key or several keys match."""
    fitting = [
        key for key in keys if algorithm in key.algorithms and (id_ is None or id_ == key.id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _key(jwk: JsonValue) -> Key | None:
    if not isinstance(jwk, dict) or not _is_for_verifying(jwk):
        return None
    kind, curve, id_ = jwk.get("kty"), jwk.get("crv"), jwk.get("kid")
    algorithms = _ALGORITHMS.get((str(kind), None if curve is None else str(curve)), frozenset())
    if "alg" in jwk:
        algorithms &= {str(jwk["alg"])}
    if not algorithms or not isinstance(id_, str | None):
        return None
    try:
        public = jwt.PyJWK(jwk, algorithm=min(algorithms)).key
    except jwt.PyJWTError:
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        return None
    return Key(id_, algorithms, public)


def _is_for_verifying(jwk: Mapping[str, JsonValue]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    stated = isinstance(operations, list) and "verify" in operations
    # An issuer that publishes a private key has lost it: its signatures prove nothing.
    return jwk.get("use", "sig") == "sig" and stated and "d" not in jwk
