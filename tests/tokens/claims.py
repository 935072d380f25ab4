"""Tokens with a valid signature and invalid claims."""

from collections.abc import Iterator

from tests.tokens.specimen import (
    AUDIENCE,
    ISSUER,
    NOW,
    USER,
    About,
    Json,
    Specimen,
    claims,
    under_both,
)

WHITE_SPACE = "\t\n\x0b\f\r \x1c\x85\xa0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000"
CONTROLS = "\0\x01\x08\x0e\x1b\x1f\x7f\x80\x9f"
NO_USERS: list[Json] = [7, 0, 1.5, True, None, [], [USER], {}, {"id": USER}]
NO_TIMES: list[Json] = [
    "1",
    "",
    None,
    True,
    False,
    [],
    {},
    [NOW],
    -1,
    -0.5,
    10**13,
    1e13,
    1e300,
    253_402_300_799.5,
    2**63,
    10**400,
]


def specimens() -> Iterator[Specimen]:
    """Yield all tokens of this kind."""
    yield from under_both(_times())
    yield from under_both(_users(), About.USER)
    yield from under_both(_user_ids(), About.USER_ID)
    yield from under_both(_issuers())
    yield from under_both(_audiences(), About.AUDIENCE)
    yield from under_both(_of_others())
    yield from under_both(_elsewhere(), About.USER)


def _times() -> Iterator[tuple[str, Json]]:
    yield "no exp", claims(exp=...)
    yield "exp: a minute ago", claims(exp=NOW - 60)
    yield "exp: in 1970", claims(exp=0)
    yield "exp: a year ago", claims(exp=NOW - 31_536_000)
    yield "nbf: in an hour", claims(nbf=NOW + 3600)
    yield "iat: in an hour", claims(iat=NOW + 3600)
    yield "exp and nbf the wrong way round", claims(exp=NOW - 3600, nbf=NOW + 3600)
    yield "exp: a minute and a fraction ago", claims(exp=NOW - 60.5)
    yield "nbf: in an hour and a fraction", claims(nbf=NOW + 3600.25)
    yield "iat: in an hour and a fraction", claims(iat=NOW + 3600.75)
    yield "exp: milliseconds", claims(exp=(NOW + 3600) * 1000)
    yield "exp: text of a time", claims(exp="2099-01-01T00:00:00Z")
    for name in ("exp", "nbf", "iat"):
        for value in NO_TIMES:
            yield f"{name}: {str(value)[:16]!r}", claims(**{name: value})


def _user_ids() -> Iterator[tuple[str, Json]]:
    yield "an empty user_id beside sub", claims(user_id="")
    yield "user_id and sub differ", claims(user_id="ada")
    yield "user_id and sub differ in case", claims(user_id=USER.upper())
    yield "user_id and sub differ in form", claims(sub="\u00e9", user_id="e\u0301")
    for value in NO_USERS:
        yield f"user_id: {value!r}", claims(user_id=value)


def _users() -> Iterator[tuple[str, Json]]:
    yield "no user at all", claims(sub=...)
    yield "an empty sub", claims(sub="")
    yield "a user of 256 characters", claims(sub="a" * 256)
    yield "a user_id of 256 characters", claims(sub=..., user_id="a" * 256)
    yield "a user of 5,000 characters", claims(sub="a" * 5000)
    for value in NO_USERS:
        yield f"sub: {value!r}", claims(sub=value)
    for each in WHITE_SPACE:
        yield f"white space {each!a} before the user", claims(sub=each + USER)
    for each in " \u00a0\u3000":
        yield f"white space {each!a} after the user", claims(sub=USER + each)
        yield f"white space {each!a} alone", claims(sub=each)
    for each in CONTROLS:
        yield f"the control {each!a} in the user", claims(sub=f"mal{each}lory")


def _issuers() -> Iterator[tuple[str, Json]]:
    issuers: list[Json] = [..., None, "", 7, True, [], [ISSUER], {}, "https://evil.example.com"]
    for value in issuers:
        yield f"iss: {value!r}", claims(iss=value)
    for near in (f"{ISSUER}/", ISSUER.upper(), ISSUER[:-1], f"{ISSUER}.evil.org", f" {ISSUER}"):
        yield f"iss: {near!r}", claims(iss=near)


def _audiences() -> Iterator[tuple[str, Json]]:
    audiences: list[Json] = [..., None, "", 7, True, [], [7], {}, {"aud": AUDIENCE}, ["x"], "other"]
    for value in audiences:
        yield f"aud: {value!r}", claims(aud=value)
    for near in (AUDIENCE.upper(), AUDIENCE[:-1], f"{AUDIENCE} ", f"{AUDIENCE},other", "*"):
        yield f"aud: {near!r}", claims(aud=near)


def _of_others() -> Iterator[tuple[str, Json]]:
    verification = {"email": "ada@example.com", "iat": NOW, "exp": NOW + 3600}
    session = {"id": "s1", "userId": "u1", "token": "t1", "expiresAt": "2099-01-01T00:00:00Z"}
    user = {"id": "u1", "email": "ada@example.com", "emailVerified": True}
    recipients = {"iss": ISSUER, "aud": AUDIENCE}
    cached = {"session": session, "user": user, "iat": NOW, "exp": NOW + 300, "version": "1"}
    yield "Better Auth: mail verification", verification
    yield "Better Auth: change of mail", verification | {"updateTo": "b@x.org"}
    yield "Better Auth: cookie cache", cached
    yield "Better Auth: verification, for us", verification | recipients
    yield "Better Auth: cookie cache, for us", cached | recipients


def _elsewhere() -> Iterator[tuple[str, Json]]:
    yield "a user in another claim", claims(sub=..., uid=USER, email="m@x.org")
    yield "a user deeper down", claims(sub=..., user={"user_id": USER})
    yield "claims in another case", claims(sub=..., Sub=USER, USER_ID=USER)
