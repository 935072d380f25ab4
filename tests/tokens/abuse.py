"""Tokens that abuse the settings: valid ones, but for a value that looks like an expected one."""

import json
from collections.abc import Iterator

from app.auth.expected import Expected
from tests.tokens.claims import CONTROLS, WHITE_SPACE
from tests.tokens.specimen import AUDIENCE, ISSUER, USER, Json, Specimen, claims, under_both

OTHER_ISSUER, OTHER_AUDIENCE = "https://sts.example.com/", "api://taskward"
REQUIRED = {
    "azp": ("tasks-web", "tasks-app"),
    "token_use": ("access",),
    "is_anonymous": ("false",),
    "ver": ("1", "2"),
}

RECIPIENTS = Expected((ISSUER,), (AUDIENCE,))
SETTINGS = {
    "lists": Expected((OTHER_ISSUER, ISSUER), (OTHER_AUDIENCE, AUDIENCE)),
    "required claims": Expected((ISSUER,), (), REQUIRED),
    "audience and required claims": RECIPIENTS._replace(claims=REQUIRED),
    "any audience": Expected((ISSUER,), ()),
    "user claim": RECIPIENTS._replace(user_claim="uid"),
    "user claim sub": RECIPIENTS._replace(user_claim="sub"),
}


def specimens(setting: str) -> Iterator[Specimen]:
    """Yield the tokens that a server with this setting must reject."""
    expected = SETTINGS[setting]
    if len(expected.issuers) > 1:
        yield from under_both(_mixed_issuers())
    if len(expected.audiences) > 1:
        yield from under_both(_mixed_audiences())
    if expected.claims:
        yield from under_both(_required_claims())
        yield from under_both(_of_other_kinds())
    if expected.user_claim == "uid":
        yield from under_both(_user_claims())


def _mixed_issuers() -> Iterator[tuple[str, Json]]:
    issuers: list[Json] = [
        f"{OTHER_ISSUER},{ISSUER}",
        f"{ISSUER},{OTHER_ISSUER}",
        [OTHER_ISSUER, ISSUER],
        [OTHER_ISSUER],
        {OTHER_ISSUER: True},
        OTHER_ISSUER.rstrip("/"),
        f"{OTHER_ISSUER}/",
        f"{ISSUER}/",
        f"{OTHER_ISSUER}realms/team",
        OTHER_ISSUER.replace("https", "http"),
        OTHER_ISSUER.upper(),
        "https://sts.example.com.evil.org/",
        "https://sts.example.com@evil.org/",
        "https://evil.org/?https://sts.example.com/",
        OTHER_ISSUER[:-4],
        "",
        ",",
        None,
    ]
    for value in issuers:
        yield f"iss: {value!r}", claims(iss=value)
    yield "no iss, but an issuer", claims(iss=..., issuer=OTHER_ISSUER)


def _mixed_audiences() -> Iterator[tuple[str, Json]]:
    audiences: list[Json] = [
        f"{OTHER_AUDIENCE},{AUDIENCE}",
        f"{OTHER_AUDIENCE} {AUDIENCE}",
        [f"{OTHER_AUDIENCE},{AUDIENCE}"],
        [[OTHER_AUDIENCE]],
        [OTHER_AUDIENCE, 7],
        [OTHER_AUDIENCE, None],
        [OTHER_AUDIENCE, [AUDIENCE]],
        {OTHER_AUDIENCE: AUDIENCE},
        OTHER_AUDIENCE[:-1],
        f"{OTHER_AUDIENCE}/",
        "any",
        ["any"],
        "*",
        "",
        [],
        [""],
    ]
    for value in audiences:
        yield f"aud: {value!r}", claims(aud=value)


def _required_claims() -> Iterator[tuple[str, Json]]:
    clients: list[Json] = [
        *(..., None, "", [], {}, True, 7, [None], [[]], [["tasks-web"]], {"tasks-web": True}),
        *("tasks-web|tasks-app", "tasks-web,tasks-app", "azp=tasks-web", "tasks", "tasks-web2"),
        *("TASKS-WEB", " tasks-web", "tasks-web\0", ["TASKS-WEB", "other"], [{"0": "tasks-web"}]),
        *("*", ".*", "any", ["tasks-web|tasks-app"]),
    ]
    for value in clients:
        yield f"azp: {value!r}", claims(azp=value)
    flags: list[Json] = [
        *(..., None, True, 0, 0.0, -1, "", "False", "FALSE", "no", "0", "null", [], [True], {}),
        *([0], [None], [[False]], {"false": False}, "true"),
    ]
    for value in flags:
        yield f"is_anonymous: {value!r}", claims(is_anonymous=value)
    numbers: list[Json] = [
        *(..., None, True, 1.0, 1.5, 2.0, 3, -1, 12, "1.0", "01", "+1", "1 ", "1|2", "\uff11"),
        *([1.0], [[1]], {"1": 1}, 10**20, [True]),
    ]
    for value in numbers:
        yield f"ver: {value!r}", claims(ver=value)
    text = json.dumps(claims())
    yield "azp twice, the last differs", f'{text[:-1]}, "azp": "other"}}'.encode()
    yield "azp twice, the first differs", f'{{"azp": "other", {text[1:]}'.encode()
    yield "azp in another case", claims(azp=..., AZP="tasks-web", Azp="tasks-web")
    yield "azp deeper down", claims(azp=..., claims={"azp": "tasks-web"})


def _of_other_kinds() -> Iterator[tuple[str, Json]]:
    for kind in ("refresh", "id", "Access", "access ", "access_token", ["refresh"], None, ...):
        yield f"token_use: {kind!r}", claims(token_use=kind)
    yield "an ID token for the same client", claims(token_use="id", aud="tasks-web", nonce="n")
    yield "a refresh token for us", claims(token_use="refresh", exp=claims()["exp"] + 10**7)


def _user_claims() -> Iterator[tuple[str, Json]]:
    users: list[Json] = [
        *(..., None, "", 7, 0, 1.5, True, [], [USER], {}, {"id": USER}, "a" * 256, "a" * 5000),
        *(f"{each}{USER}" for each in WHITE_SPACE),
        *(f"{USER}{each}" for each in " \u00a0\u3000"),
        *(f"mal{each}lory" for each in CONTROLS),
    ]
    for value in users:
        yield f"uid: {str(value)[:16]!a}", claims(uid=value)
        yield f"uid and user_id: {str(value)[:16]!a}", claims(uid=value, user_id=USER)
    yield "UID", claims(uid=..., UID=USER)
    text = json.dumps(claims())
    yield "uid twice", f'{text[:-1]}, "uid": "ada"}}'.encode()
    yield "uid twice, once escaped", f'{text[:-1]}, "\\u0075id": "ada"}}'.encode()
