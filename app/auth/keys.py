"""The keys of a JWK Set (RFC 7517) that can verify tokens."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import AllowedPublicKeys

from quart_contract.strict_json import JsonValue, MalformedJsonError, parse

from .errors import InvalidKeySetError
from .quoting import quoted

MIN_RSA_BITS = 2048
MAX_LEFT_OUT = 20
"""How many of the keys that were left out are named."""

ED25519 = frozenset({"EdDSA", "Ed25519"})
"""The two names of one algorithm (RFC 8037, RFC 9864)."""
# Algorithms by key type and curve (RFC 7518, RFC 8037).
_ALGORITHMS = {
    ("OKP", "Ed25519"): ED25519,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("RSA", None): frozenset({"PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}),
}
ALGORITHMS = frozenset[str]().union(*_ALGORITHMS.values())
"""Every algorithm that a published key can verify."""


class Key(NamedTuple):
    """A public key, its `kid`, and its algorithms."""

    id: str | None
    algorithms: frozenset[str]
    public: AllowedPublicKeys


class KeySet(NamedTuple):
    """The usable keys of a JWK Set, and the others that are meant for signatures, in words."""

    keys: tuple[Key, ...] = ()
    left_out: tuple[str, ...] = ()


class _UnusableKeyError(Exception):
    """The key cannot verify tokens; the message gives the reason."""


def read_keys(document: bytes) -> KeySet:
    """Return the keys of a JWK Set.

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
    keys, left_out = [], []
    for each in listed:
        # Some issuers write null for a member that they do not use.
        jwk = {k: v for k, v in each.items() if v is not None} if isinstance(each, dict) else {}
        try:
            if _is_for_verifying(jwk):
                keys.append(_key(jwk))
        except _UnusableKeyError as error:
            left_out.append(f"{_name(jwk)}: {error}")
    return KeySet(tuple(keys), tuple(left_out[:MAX_LEFT_OUT]))


def find(keys: Iterable[Key], id_: str | None, algorithm: str) -> Key | None:
    """Return the only key that matches a token's header; None if no key or several keys match."""
    fitting = [
        key for key in keys if algorithm in key.algorithms and (id_ is None or id_ == key.id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _key(jwk: Mapping[str, JsonValue]) -> Key:
    kind, curve, id_ = jwk.get("kty"), jwk.get("crv"), jwk.get("kid")
    algorithms = _ALGORITHMS.get((str(kind), None if curve is None else str(curve)), frozenset())
    if "alg" in jwk:
        stated = str(jwk["alg"])
        algorithms &= ED25519 if stated in ED25519 else {stated}
    if not algorithms:
        raise _UnusableKeyError("not supported")
    if not isinstance(id_, str | None):
        raise _UnusableKeyError("its kid is not a string")
    if "d" in jwk:
        # An issuer that publishes a private key has lost it: its signatures prove nothing.
        raise _UnusableKeyError("it is private, but published")
    try:
        # The greater name: PyJWT does not know Ed25519 as the name of an algorithm.
        public = jwt.PyJWK(dict(jwk), algorithm=max(algorithms)).key
    except jwt.PyJWTError:
        raise _UnusableKeyError("not a valid key") from None
    if isinstance(public, RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        raise _UnusableKeyError(f"shorter than {MIN_RSA_BITS} bits")
    return Key(id_, algorithms, public)


def _is_for_verifying(jwk: Mapping[str, JsonValue]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    stated = isinstance(operations, list) and "verify" in operations
    return jwk.get("use", "sig") == "sig" and stated


def _name(jwk: Mapping[str, JsonValue]) -> str:
    members = ((name, jwk.get(name)) for name in ("kid", "kty", "crv", "alg"))
    named = [f"{name} {quoted(value)}" for name, value in members if value is not None]
    return ", ".join(named) or "no key"
