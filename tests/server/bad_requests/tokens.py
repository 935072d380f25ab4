"""Credentials that do not hold. All bad tokens must get one and the same answer."""

import base64
import hmac
import json
import time
from typing import Any

from tests.server.bad_requests.request import BEARER, BadRequest, get
from tests.tokens import SECRET

NOW = int(time.time())
HOLDING = {"sub": "mallory", "exp": NOW + 86_400}
HS256 = {"alg": "HS256", "typ": "JWT"}


def encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def signed(
    payload: object = HOLDING, header: object = HS256, secret: str = SECRET, digest: str = "sha256"
) -> bytes:
    """Sign anything at all; bytes are taken as they are."""
    parts = [
        encoded(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    signature = hmac.digest(secret.encode(), b".".join(parts), digest)
    return b".".join((*parts, encoded(signature)))


def claims(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {name: value for name, value in (HOLDING | changes).items() if value is not ...}


GOOD = signed()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(b".")

BAD_TOKENS: dict[str, bytes] = {
    "garbage": b"garbage",
    "dots": b"..",
    "one segment": HEAD,
    "two segments": HEAD + b"." + PAYLOAD,
    "four segments": GOOD + b".x",
    "five segments, as an encrypted one": b".".join((HEAD, b"x", b"x", b"x", b"x")),
    "no signature": HEAD + b"." + PAYLOAD + b".",
    "half a signature": HEAD + b"." + PAYLOAD + b"." + SIGNATURE[:20],
    "another signature": signed(secret="x" * 40),
    "an empty secret": signed(secret=""),
    "a signature of other claims": signed(claims(sub="eve")).rpartition(b".")[0] + b"." + SIGNATURE,
    "no algorithm": signed(header={"typ": "JWT"}),
    "alg none": encoded(b'{"alg":"none"}') + b"." + PAYLOAD + b".",
    "alg None, signed": signed(header={"alg": "None"}),
    "alg hs256": signed(header={"alg": "hs256"}),
    "alg HS384": signed(header={"alg": "HS384"}, digest="sha384"),
    "alg HS512": signed(header={"alg": "HS512"}, digest="sha512"),
    "alg RS256, signed with the secret": signed(header={"alg": "RS256"}),
    "alg EdDSA, signed with the secret": signed(header={"alg": "EdDSA"}),
    "alg that is a list": signed(header={"alg": ["HS256"]}),
    "alg that is null": signed(header={"alg": None}),
    "alg twice": signed(header=b'{"alg":"none","alg":"HS256"}'),
    "a header that is a list": signed(header=[]),
    "a header that is no JSON": signed(header=b"{"),
    "a header that is not UTF-8": signed(header=b'{"alg":"HS256","x":"\xff"}'),
    "crit": signed(header=HS256 | {"crit": ["exp"]}),
    "crit that is empty": signed(header=HS256 | {"crit": []}),
    "jwk": signed(header=HS256 | {"jwk": {"kty": "oct", "k": "eA"}}),
    "jku": signed(header=HS256 | {"jku": "https://evil.example.com/keys"}),
    "x5u": signed(header=HS256 | {"x5u": "file:///etc/passwd"}),
    "x5c": signed(header=HS256 | {"x5c": ["MIIB"]}),
    "zip": signed(header=HS256 | {"zip": "DEF"}),
    "b64": signed(header=HS256 | {"b64": False, "crit": ["b64"]}),
    "enc": signed(header=HS256 | {"enc": "A256GCM"}),
    "another type": signed(header=HS256 | {"typ": "secevent+jwt"}),
    "a type that is a number": signed(header=HS256 | {"typ": 1}),
    "expired": signed(claims(exp=NOW - 3600)),
    "expired in 1970": signed(claims(exp=0)),
    "no expiry": signed(claims(exp=...)),
    "an expiry that is null": signed(claims(exp=None)),
    "an expiry that is text": signed(claims(exp=str(NOW + 3600))),
    "an expiry that is a fraction": signed(claims(exp=NOW + 3600.5)),
    "an expiry that is true": signed(claims(exp=True)),
    "an expiry that is negative": signed(claims(exp=-1)),
    "an expiry in milliseconds": signed(claims(exp=(NOW + 3600) * 1000)),
    "an expiry beyond all numbers": signed(b'{"sub":"mallory","exp":1e400}'),
    "an expiry of 5000 digits": signed(b'{"sub":"mallory","exp":' + b"9" * 5000 + b"}"),
    "an expiry that is an object": signed(claims(exp={})),
    "not yet valid": signed(claims(nbf=NOW + 86_000)),
    "a start that is text": signed(claims(nbf="0")),
    "issued in the future": signed(claims(iat=NOW + 86_000)),
    "an issue that is a list": signed(claims(iat=[NOW])),
    "no user": signed(claims(sub=...)),
    "a user that is null": signed(claims(sub=None)),
    "an empty user": signed(claims(sub="")),
    "a blank user": signed(claims(sub=" ")),
    "a padded user": signed(claims(sub=" mallory")),
    "a user that ends in a no-break space": signed(claims(sub="mallory\u00a0")),
    "a user with a NUL": signed(claims(sub="mal\0lory")),
    "a user with a line break": signed(claims(sub="mal\nlory")),
    "a user with a surrogate": signed(b'{"sub":"\\ud800","exp":%d}' % (NOW + 3600)),
    "a user of 256 characters": signed(claims(sub="m" * 256)),
    "a user that is a number": signed(claims(sub=42)),
    "a user that is a list": signed(claims(sub=["mallory"])),
    "a user that is an object": signed(claims(sub={"$ne": ""})),
    "two users": signed(claims(user_id="eve")),
    "two users that differ in case": signed(claims(user_id="Mallory")),
    "a second user that is a number": signed(claims(user_id=1)),
    "a user that stands twice": signed(b'{"sub":"a","sub":"b","exp":%d}' % (NOW + 3600)),
    "a mail verification of the issuer": signed({"email": "m@example.com", "exp": NOW + 3600}),
    "a session cookie of the issuer": signed({"session": {}, "user": {"id": "m"}, "exp": NOW + 60}),
    "claims that are a list": signed([]),
    "claims that are a string": signed("mallory"),
    "claims that are null": signed(None),
    "claims that are empty": signed({}),
    "claims that are no JSON": signed(b"{"),
    "claims that are not UTF-8": signed(b'{"sub":"\xff","exp":%d}' % (NOW + 3600)),
    "claims that are very deep": signed(b"[" * 4000),
    "white space inside": HEAD + b". " + PAYLOAD + b"." + SIGNATURE,
    "standard base64": GOOD[:-1] + b"/",
    "a byte beyond ASCII": GOOD + b"\xe9",
    "more than 8 KiB": signed(claims(x="x" * 7000)),
    "padding": GOOD + b"=",
    "two in one": GOOD + b"," + GOOD,
}
NO_TOKENS: dict[str, tuple[bytes, ...]] = {
    "no header": (),
    "an empty header": (b"Authorization:",),
    "Basic": (b"Authorization: Basic bWFsbG9yeTp4",),
    "the token alone": (b"Authorization: " + GOOD,),
    "a tab after the scheme": (b"Authorization: Bearer\t" + GOOD,),
    "a cookie": (b"Cookie: token=" + GOOD,),
    "another header": (b"X-Authorization: Bearer " + GOOD,),
}
MANY: dict[str, tuple[bytes, ...]] = {
    "two headers": (b"Authorization: Bearer " + GOOD,) * 2,
    "Basic, and a token": (b"Authorization: Basic eDp5", b"Authorization: Bearer " + GOOD),
    "the scheme alone": (b"Authorization: Bearer",),
}


def without_token(*headers: bytes) -> bytes:
    return get(b"/api/tasks", *headers).replace(BEARER + b"\r\n", b"")


TOKENS = [
    *(
        BadRequest(
            f"token: {name}",
            without_token(b"Authorization: Bearer " + token),
            401,
            "invalid_token",
        )
        for name, token in BAD_TOKENS.items()
    ),
    *(
        BadRequest(f"token: {name}", without_token(*headers), 401, "invalid_token")
        for name, headers in MANY.items()
    ),
    *(
        BadRequest(f"no token: {name}", without_token(*headers), 401, "missing_token")
        for name, headers in NO_TOKENS.items()
    ),
]
