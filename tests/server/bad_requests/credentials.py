"""Tokens that would hold but for one detail, and tokens where none is looked for."""

import base64
import hmac
import json

from tests.server.bad_requests.request import BEARER, BadRequest, get, post
from tests.server.bad_requests.tokens import (
    GOOD,
    HEAD,
    HS256,
    NOW,
    PAYLOAD,
    SIGNATURE,
    claims,
    encoded,
    signed,
    without_token,
)
from tests.tokens import SECRET

DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CLAIMS = json.dumps({"sub": "mallory", "exp": NOW + 3600})


def respelt(signature: bytes) -> bytes:
    """Spell the same bytes otherwise: two bits of the last of 43 digits stand for nothing."""
    last = DIGITS.index(signature[-1:]) ^ 1
    return signature[:-1] + DIGITS[last : last + 1]


def signed_as_spelt(head: bytes, payload: bytes) -> bytes:
    parts = head + b"." + payload
    return parts + b"." + encoded(hmac.digest(SECRET.encode(), parts, "sha256"))


BAD: dict[str, bytes] = {
    "a signature spelt otherwise": HEAD + b"." + PAYLOAD + b"." + respelt(SIGNATURE),
    "a tilde in the signature": HEAD + b"." + PAYLOAD + b"." + SIGNATURE[:9] + b"~" + SIGNATURE[9:],
    "padded claims": signed_as_spelt(HEAD, base64.urlsafe_b64encode(CLAIMS.encode() + b" ")),
    "claims in standard base64": signed_as_spelt(HEAD, PAYLOAD[:-2] + b"+/"),
    "claims behind a byte order mark": signed(b"\xef\xbb\xbf" + CLAIMS.encode()),
    "claims in UTF-16": signed(CLAIMS.encode("utf-16")),
    "alg nOnE, signed": signed(header={"alg": "nOnE"}),
    "kid of an empty file": signed(header=HS256 | {"kid": "../../../dev/null"}, secret=""),
    "kid of SQL": signed(header=HS256 | {"kid": "x' UNION SELECT 'y"}, secret="y"),
    "an expiry with an exponent": signed(b'{"sub":"mallory","exp":1.9e9}'),
    "an expiry that stands twice": signed(b'{"exp":1,"sub":"m","exp":%d}' % (NOW + 3600)),
    "an expiry of NaN": signed(b'{"sub":"mallory","exp":NaN}'),
    "a start that is true": signed(claims(nbf=True)),
    "a start with an exponent": signed(b'{"sub":"m","nbf":1e3,"exp":%d}' % (NOW + 3600)),
    "an issue that is null": signed(claims(iat=None)),
    "an empty user beside a good one": signed(claims(user_id="")),
    "a null user beside a good one": signed(claims(user_id=None)),
    "a user with a DEL": signed(claims(sub="mal\x7flory")),
    "a user with a C1 control": signed(claims(sub="mal\x85lory")),
    "a user that ends in a line separator": signed(claims(sub="mallory\u2028")),
    "a byte more than 8 KiB": b"x" * 8193,
    "quotes": b'"' + GOOD + b'"',
    "a comma at the end": GOOD + b",",
    "a parameter behind it": GOOD + b" realm=x",
}
SCHEMES: dict[str, bytes] = {
    "another word": b"Token " + GOOD,
    "the name of the format": b"JWT " + GOOD,
    "an equals sign": b"Bearer=" + GOOD,
    "a digest": b'Digest username="mallory"',
}


def bare(raw: bytes) -> bytes:
    return raw.replace(BEARER + b"\r\n", b"")


CREDENTIALS = [
    *(
        BadRequest(
            f"token: {name}",
            without_token(b"Authorization: Bearer " + token),
            401,
            "invalid_token",
        )
        for name, token in BAD.items()
    ),
    *(
        BadRequest(
            f"token: garbage of the scheme {scheme.decode()}",
            without_token(b"Authorization: " + scheme + b" garbage"),
            401,
            "invalid_token",
        )
        for scheme in (b"bearer", b"BEARER", b"bEaReR")
    ),
    *(
        BadRequest(
            f"no token: {name}",
            without_token(b"Authorization: " + credentials),
            401,
            "missing_token",
        )
        for name, credentials in SCHEMES.items()
    ),
    BadRequest(
        "no token: in the query",
        bare(get(b"/api/tasks?access_token=" + GOOD)),
        401,
        "missing_token",
    ),
    BadRequest(
        "no token: in a form",
        bare(post(b"access_token=" + GOOD, b"Content-Type: application/x-www-form-urlencoded")),
        401,
        "missing_token",
    ),
    BadRequest(
        "no token: in the body",
        bare(post(b'{"title": "x", "token": "%s"}' % GOOD)),
        401,
        "missing_token",
    ),
    BadRequest(
        "no token: for a proxy",
        without_token(b"Proxy-Authorization: Bearer " + GOOD),
        401,
        "missing_token",
    ),
    BadRequest(
        "no token: a WebSocket",
        bare(
            get(
                b"/api/tasks",
                b"Connection: Upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            )
        ),
        401,
        "missing_token",
    ),
]
