"""Key pairs of an issuer, one for each algorithm. Each test process creates its own."""

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import (
    AllowedPrivateKeys,
    AllowedPublicKeys,
    ECAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
)

from quart_contract.strict_json import JsonValue

ALGORITHMS = (
    *("EdDSA", "ES256", "ES384", "ES512"),
    *("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
)


@cache
def private_key(algorithm: str, generation: int = 1) -> AllowedPrivateKeys:
    """Return the key that signs with `algorithm`. Each generation has another one."""
    match algorithm, generation:
        case "EdDSA", _:
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256", _:
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384", _:
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512", _:
            return ec.generate_private_key(ec.SECP521R1())
    return _rsa_key(generation)


@cache
def _rsa_key(_: int) -> rsa.RSAPrivateKey:
    """Return the one key of all RSA algorithms. Only what the issuer states tells them apart."""
    return rsa.generate_private_key(65537, 2048)


def key_id(algorithm: str, generation: int = 1) -> str:
    """Return the `kid` of a key."""
    return f"{algorithm}-{generation}"


def sign_with_key(
    claims: dict[str, Any], algorithm: str, generation: int = 1, **headers: JsonValue
) -> str:
    """Sign as the issuer does. Its tokens name their key."""
    named = {"kid": key_id(algorithm, generation), **headers}
    present = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(claims, private_key(algorithm, generation), algorithm, present)


def _as_jwk(public: AllowedPublicKeys) -> str:
    match public:
        case rsa.RSAPublicKey():
            return RSAAlgorithm.to_jwk(public)
        case ec.EllipticCurvePublicKey():
            return ECAlgorithm.to_jwk(public)
    return OKPAlgorithm.to_jwk(public)


def jwk(algorithm: str, generation: int = 1) -> dict[str, JsonValue]:
    """Return the public half of a key, as the issuer publishes it."""
    public = private_key(algorithm, generation).public_key()
    members: dict[str, JsonValue] = json.loads(_as_jwk(public))
    return {**members, "kid": key_id(algorithm, generation), "alg": algorithm}


def jwk_set(*keys: dict[str, JsonValue]) -> bytes:
    """Return a JWK Set of these keys, or of the first generation if none is given."""
    return json.dumps({"keys": keys or [jwk(each) for each in ALGORITHMS]}).encode()
