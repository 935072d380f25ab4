"""Tokens as data, and functions that forge them."""

import base64
import hmac
import json
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any, NamedTuple

import jwt

from tests.support.keys import key_id, private_key
from tests.support.tokens import ISSUER as RECIPIENTS
from tests.support.tokens import SECRET, STARTED, claims_for

ISSUER, AUDIENCE = RECIPIENTS["iss"], RECIPIENTS["aud"]
USER = "mallory"
NOW = STARTED
SIGNERS = ("HS256", "EdDSA")
"""One algorithm of each verifier. Each fault of claims or headers is tried with both."""

Json = Any
"""Any JSON value, or `...` to leave a claim out."""


class About(Enum):
    """What a fault concerns, if a setting can make that irrelevant."""

    AUDIENCE = auto()
    USER = auto()
    """The user, where `user_id` or `sub` names it."""
    USER_ID = auto()
    """The claim `user_id` alone."""


class Specimen(NamedTuple):
    """A token that must be rejected, and what is wrong with it."""

    name: str
    token: str
    about: About | None = None


def claims(**changes: Json) -> dict[str, Json]:
    """Return the claims of a valid token, with changes. `...` removes a claim.

    They are valid under each setting of `abuse`, too.
    """
    more = {"azp": "tasks-web", "token_use": "access", "is_anonymous": False, "ver": 1}
    return claims_for(USER, **RECIPIENTS | more | {"uid": USER} | changes)


def header(algorithm: str, **changes: Json) -> dict[str, Json]:
    """Return the header of a token that its verifier would accept, with changes."""
    named = {} if algorithm == "HS256" else {"kid": key_id(algorithm)}
    made = {"alg": algorithm, "typ": "JWT", **named, **changes}
    return {name: value for name, value in made.items() if value is not ...}


def seal(
    payload: Json = None,
    head: Json = None,
    algorithm: str = "HS256",
    *,
    secret: bytes = SECRET.encode(),
    generation: int = 1,
) -> str:
    """Sign any payload with `algorithm`, whatever the header says. Bytes are signed unchanged."""
    parts = [
        encode(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (
            header(algorithm) if head is None else head,
            claims() if payload is None else payload,
        )
    ]
    signing_input = ".".join(parts).encode()
    return ".".join([*parts, encode(sign_input(signing_input, algorithm, secret, generation))])


def sign_input(signing_input: bytes, algorithm: str, secret: bytes, generation: int = 1) -> bytes:
    """Return the signature of these bytes."""
    if algorithm.startswith("HS"):
        return hmac.digest(secret, signing_input, f"sha{algorithm[2:]}")
    signer: Any = jwt.get_algorithm_by_name(algorithm)
    signature: bytes = signer.sign(signing_input, private_key(algorithm, generation))
    return signature


def encode(part: bytes) -> str:
    """Return base64url text without padding."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def under_both(
    faults: Iterable[tuple[str, Json]], about: About | None = None
) -> Iterator[Specimen]:
    """Yield tokens of payloads, signed with the secret and with a key of the issuer."""
    for name, payload in faults:
        for signer in SIGNERS:
            yield Specimen(f"{name} ({signer})", seal(payload, None, signer), about)
