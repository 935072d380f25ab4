"""Tokens with a header that tries to change the rules."""

import json
from collections.abc import Iterator

from tests.support.keys import jwk
from tests.tokens.specimen import SIGNERS, Json, Specimen, header, seal

KIDS: list[Json] = [
    "unknown",
    "",
    " EdDSA-1",
    "eddsa-1",
    "EdDSA-1\0",
    "../../../dev/null",
    "/dev/null",
    "file:///etc/passwd",
    "https://evil.example.com/key",
    "' OR '1'='1",
    "x'; DROP TABLE keys; --",
    "$(id)",
    "__proto__",
    "é" * 500,
    0,
    -1,
    1.5,
    True,
    [],
    ["EdDSA-1"],
    {"kid": "EdDSA-1"},
]
TYPES: list[Json] = [
    "",
    "JWE",
    "JOSE",
    "dpop+jwt",
    "secevent+jwt",
    "logout+jwt",
    "id_token",
    "jwt ",
    "application/json",
    7,
    None,
    True,
    [],
    ["JWT"],
    {},
]
REFUSED: dict[str, list[Json]] = {
    "jwk": [jwk("EdDSA", 2), {"kty": "oct", "k": "eA"}, {}, None],
    "jku": ["https://evil.example.com/keys", "file:///etc/passwd", "", None],
    "x5u": ["https://evil.example.com/cert", "file:///etc/passwd", ""],
    "x5c": [["MIIB"], [], "MIIB"],
    "crit": [["exp"], [], ["b64"], "exp", None],
    "zip": ["DEF", "GZIP", ""],
    "enc": ["A256GCM", ""],
    "b64": [False, True],
}


def specimens() -> Iterator[Specimen]:
    """Yield all tokens of this kind."""
    for signer in SIGNERS:
        for name, head in (*_members(signer), *_forms(signer)):
            yield Specimen(f"{name} ({signer})", seal(None, head, signer))
    for kid in KIDS:
        head = header("EdDSA", kid=kid)
        yield Specimen(f"kid: {str(kid)[:30]!a}", seal(None, head, "EdDSA"))
    yield Specimen("no kid", seal(None, header("RS256", kid=...), "EdDSA"))


def _members(signer: str) -> Iterator[tuple[str, Json]]:
    for name, values in REFUSED.items():
        for value in values:
            shown = json.dumps(value)[:24]
            yield f"{name}: {shown}", header(signer, **{name: value})
    for value in TYPES:
        yield f"typ: {value!r}", header(signer, typ=value)


def _forms(signer: str) -> Iterator[tuple[str, Json]]:
    good = json.dumps(header(signer)).encode()
    for raw in (b"", b"{}", b"null", b"[]", b"1", b'"HS256"', b"{", b"\xff", good + b"{}"):
        yield f"header: {raw[:8]!r}", raw
    yield "a header in an array", b"[" + good + b"]"
    yield "alg twice, first none", b'{"alg":"none",' + good[1:]
    yield "alg twice, last none", good[:-1] + b',"alg":"none"}'
    yield "typ twice", good[:-1] + b',"typ":"JWT"}'
    yield "a header with a byte order mark", b"\xef\xbb\xbf" + good
    yield "a header 40 levels deep", good[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}"
