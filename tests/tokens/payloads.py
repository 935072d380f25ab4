"""Tokens with a valid signature, and a payload that is ambiguous or no JSON object."""

import json
from collections.abc import Iterator

from tests.tokens.specimen import AUDIENCE, ISSUER, NOW, USER, Json, Specimen, claims, under_both

GOOD = json.dumps(claims()).encode()
REST = b'"iss":"%s","aud":"%s"' % (ISSUER.encode(), AUDIENCE.encode())
EXPIRY = b'"exp":%d' % (NOW + 3600)


def specimens() -> Iterator[Specimen]:
    """Yield all tokens of this kind."""
    yield from under_both(_forms())
    yield from under_both(_ambiguities())


def _forms() -> Iterator[tuple[str, Json]]:
    for raw in (b"", b" ", b"null", b"true", b"1", b'"mallory"', b"[]", b"[{}]", b"{}"):
        yield f"payload: {raw.decode()!r}", raw
    yield "an array of claims", b"[" + GOOD + b"]"
    yield "claims within text", json.dumps(GOOD.decode()).encode()
    yield "payload that ends early", GOOD[:-1]
    yield "payload with more after it", GOOD + b"{}"
    yield "payload twice", GOOD + GOOD
    yield "payload with NUL after it", GOOD + b"\0"
    yield "payload with a comma too many", GOOD[:-1] + b",}"
    yield "payload in single quotes", GOOD.replace(b'"', b"'")
    yield "payload with a comment", GOOD[:-1] + b"/* */}"
    yield "payload with a byte order mark", b"\xef\xbb\xbf" + GOOD
    yield "payload in UTF-16", GOOD.decode().encode("utf-16")
    yield "payload in Latin-1", b'{"sub":"\xe9",%s,%s}' % (EXPIRY, REST)
    yield "overlong UTF-8", b'{"sub":"\xc0\xaf",%s,%s}' % (EXPIRY, REST)
    yield "a surrogate in UTF-8", b'{"sub":"\xed\xa0\x80",%s,%s}' % (EXPIRY, REST)
    for escape in (b"\\ud800", b"\\udfff", b"a\\ud83d", b"\\udc00\\ud800"):
        payload = b'{"sub":"%s",%s,%s}' % (escape, EXPIRY, REST)
        yield f"the surrogate {escape.decode()}", payload
    for number in (
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"1e400",
        b"-1e400",
        b"1e308",
        b"1e12",
        b"1.5e-300",
        b"1.e9",
        b"1_900_000_000",
        b'"1.9e9"',
        b"0x7fffffff",
        b"+1",
        b"01",
    ):
        payload = b'{"sub":"mallory","exp":%s,%s}' % (number, REST)
        yield f"exp: {number.decode()}", payload
    for depth in (33, 2000):
        nested = b"[" * depth + b"]" * depth
        yield f"{depth} levels deep", GOOD[:-1] + b',"x":' + nested + b"}"
    yield "a number of 5,000 digits", GOOD[:-1] + b',"x":' + b"9" * 5000 + b"}"


def _ambiguities() -> Iterator[tuple[str, Json]]:
    for name, other in (
        (b"sub", b'"ada"'),
        (b"exp", b"0"),
        (b"iss", b'"https://evil.example.com"'),
        (b"aud", b'"other"'),
        (b"iat", b"0"),
    ):
        twice = GOOD[:-1] + b',"%s":%s}' % (name, other)
        first = b'{"%s":%s,' % (name, other) + GOOD[1:]
        yield f"{name.decode()} twice, the last differs", twice
        yield f"{name.decode()} twice, the first differs", first
    escaped = GOOD[:-1] + b',"\\u0073ub":"ada"}'
    yield "sub twice, once escaped", escaped
    yield "sub twice, the same", GOOD[:-1] + b',"sub":"%s"}' % USER.encode()
    yield "another claim twice", GOOD[:-1] + b',"x":1,"x":2}'
    yield "a claim within a claim twice", GOOD[:-1] + b',"x":{"y":1,"y":2}}'
