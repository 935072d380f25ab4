"""Valid tokens: without them, a verifier that rejects everything would pass all tests."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.support.keys import ALGORITHMS
from tests.tokens.specimen import AUDIENCE, NOW, SIGNERS, USER, Json, claims, header, seal


class Good(NamedTuple):
    """A valid token and its user. The algorithm decides which verifier checks it."""

    name: str
    token: str
    user: str
    algorithm: str


USERS = ["a", "a" * 255, "\U0001f99c" * 255, "o'hara", "ada lovelace", "a\u0301", '"; DROP TABLE']


def tokens() -> Iterator[Good]:
    """Yield all tokens of this kind."""
    for algorithm in ("HS256", *ALGORITHMS):
        yield Good(f"{algorithm}", seal(algorithm=algorithm), USER, algorithm)
        unnamed = seal(None, header(algorithm, kid=...), algorithm)
        yield Good(f"{algorithm} without kid", unnamed, USER, algorithm)
    for signer in SIGNERS:
        for name, changed in _claims():
            yield Good(f"{name} ({signer})", seal(changed, algorithm=signer), USER, signer)
        for typ in ("JWT", "jwt", "at+jwt", "application/at+jwt", ...):
            token = seal(None, header(signer, typ=typ), signer)
            yield Good(f"typ: {typ!r} ({signer})", token, USER, signer)
        for user in USERS:
            token = seal(claims(sub=user, uid=user), algorithm=signer)
            yield Good(f"the user {user[:12]!a} ({signer})", token, user, signer)


def _claims() -> Iterator[tuple[str, Json]]:
    yield "user_id alone", claims(sub=..., user_id=USER)
    yield "user_id and sub, the same", claims(user_id=USER)
    yield "no iat", claims(iat=...)
    yield "nbf: now", claims(nbf=NOW)
    yield "nbf within the leeway", claims(nbf=NOW + 15, iat=NOW + 15)
    yield "several audiences", claims(aud=["other", AUDIENCE])
    yield "claims of one's own", claims(email="m@example.com", roles=["admin"], nested={"a": [1]})
    yield "times with fractions", claims(exp=NOW + 3600.5, nbf=NOW - 0.5, iat=NOW + 0.25)
    yield "whole times as floats", claims(exp=NOW + 3600.0, iat=float(NOW))
    yield "nbf and iat of 1970", claims(nbf=1.5, iat=0.5)
    yield "an exponent", claims(exp=4e9)
    yield "an expiry far away", claims(exp=253_402_300_799)
