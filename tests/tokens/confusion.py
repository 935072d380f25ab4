"""Tokens that try to pass one key or algorithm off as another."""

import base64
import json
from collections.abc import Iterator
from itertools import permutations

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.keys import ALGORITHMS, jwk, jwk_set, key_id, private_key
from tests.support.tokens import SECRET
from tests.tokens.specimen import Specimen, claims, encode, header, seal, sign_input

NO_ALGORITHMS = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    " ",
    "HS256 ",
    "hs256",
    "Hs256",
    "HS1",
    "HS224",
    "HS257",
    "eddsa",
    "Ed25519",
    "Ed448",
    "ES256K",
    "ES384",
    "RS1",
    "RS384",
    "RS512",
    "PS384",
    "PS512",
    "dir",
    "A256KW",
    "RSA-OAEP",
    "ECDH-ES",
    "ML-DSA-65",
    None,
    7,
    True,
    [],
    ["HS256"],
    {"alg": "HS256"},
]


def specimens() -> Iterator[Specimen]:
    """Yield all tokens of this kind."""
    yield from _algorithms()
    yield from _public_keys_as_secrets()
    yield from _keys_of_others()
    yield from _secrets()


def _algorithms() -> Iterator[Specimen]:
    for alg in NO_ALGORITHMS:
        head = header("HS256", alg=alg)
        unsigned = seal(None, head).rpartition(".")[0] + "."
        yield Specimen(f"alg: {alg!r}, signed", seal(None, head))
        yield Specimen(f"alg: {alg!r}, unsigned", unsigned)
    yield Specimen("no alg", seal(None, header("HS256", alg=...)))
    for algorithm in ("HS384", "HS512"):
        yield Specimen(f"{algorithm} with the secret", seal(algorithm=algorithm))
    for algorithm in ALGORITHMS:
        head = header(algorithm)
        yield Specimen(f"{algorithm}, signed with the secret", seal(None, head, "HS256"))
        yield Specimen(
            f"HS256, signed with the key of {algorithm}",
            seal(None, header("HS256", kid=key_id(algorithm)), algorithm),
        )


def _public_keys_as_secrets() -> Iterator[Specimen]:
    for algorithm in ALGORITHMS:
        for form, secret in _forms_of_public_key(algorithm):
            for kid in (key_id(algorithm), ...):
                name = f"HS256 with the public key of {algorithm} as {form}, kid {kid != ...}"
                token = seal(None, header("HS256", kid=kid), secret=secret)
                yield Specimen(name, token)
    whole = seal(secret=jwk_set())
    yield Specimen("HS256 with the whole JWK Set", whole)


def _forms_of_public_key(algorithm: str) -> Iterator[tuple[str, bytes]]:
    public = private_key(algorithm).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield "PEM", pem
    yield "PEM without its last line break", pem.strip()
    yield "DER", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    published = jwk(algorithm)
    yield "JWK", json.dumps(published).encode()
    number = str(published.get("x") or published["n"])
    yield "its number in base64url", number.encode()
    yield "its number", base64.urlsafe_b64decode(f"{number}==")
    yield "its kid", key_id(algorithm).encode()


def _keys_of_others() -> Iterator[Specimen]:
    for signer in ALGORITHMS:
        token = seal(algorithm=signer, generation=2)
        yield Specimen(f"{signer} by a key that nobody knows", token)
        for named in (each for each in ALGORITHMS if each != signer):
            head = header(signer, kid=key_id(named))
            yield Specimen(f"{signer} with the kid of {named}", seal(None, head, signer))
            head = header(named)
            yield Specimen(f"{named}, but signed with {signer}", seal(None, head, signer))
    for signer, named in permutations([each for each in ALGORITHMS if each[1] == "S"], 2):
        head = header(named, kid=key_id(signer))
        signing_input = (
            f"{encode(json.dumps(head).encode())}.{encode(json.dumps(claims()).encode())}"
        )
        signature = sign_input(signing_input.encode(), signer, b"")
        yield Specimen(
            f"{named} in the header, {signer} in the signature",
            f"{signing_input}.{encode(signature)}",
        )


def _secrets() -> Iterator[Specimen]:
    secret = SECRET.encode()
    head = header("HS256", kid="../../../dev/null")
    yield Specimen("HS256 with the kid of an empty file", seal(None, head, secret=b""))
    near = {
        "nothing": b"",
        "a line break more": secret + b"\n",
        "a space before": b" " + secret,
        "upper case": secret.upper(),
        "one character less": secret[:-1],
        "its base64": base64.b64encode(secret),
        "its base64url": encode(secret).encode(),
        "its hexadecimal form": secret.hex().encode(),
        "twice": secret * 2,
        "itself backwards": secret[::-1],
        "a usual word": b"secret",
        "a well-known example": b"your-256-bit-secret",
        "the issuer's name": b"better-auth-secret-12345678901234567890",
    }
    for name, other in near.items():
        yield Specimen(f"HS256 with {name} for a secret", seal(secret=other))
