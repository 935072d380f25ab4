"""Requests without a usable bearer token. The corpus of tokens has bad tokens."""

from tests.server.bad_requests.request import BEARER, BadRequest, get, post
from tests.support.tokens import token_for

GOOD = token_for("mallory").encode()

NO_TOKENS: dict[str, tuple[bytes, ...]] = {
    "no header": (),
    "an empty header": (b"Authorization:",),
    "Basic": (b"Authorization: Basic bWFsbG9yeTp4",),
    "the token alone": (b"Authorization: " + GOOD,),
    "a tab after the scheme": (b"Authorization: Bearer\t" + GOOD,),
    "a cookie": (b"Cookie: token=" + GOOD,),
    "another header": (b"X-Authorization: Bearer " + GOOD,),
    "another word": (b"Authorization: Token " + GOOD,),
    "the name of the format": (b"Authorization: JWT " + GOOD,),
    "an equals sign": (b"Authorization: Bearer=" + GOOD,),
    "a digest": (b'Authorization: Digest username="mallory"',),
}
MANY: dict[str, tuple[bytes, ...]] = {
    "two headers": (b"Authorization: Bearer " + GOOD,) * 2,
    "Basic, and a token": (b"Authorization: Basic eDp5", b"Authorization: Bearer " + GOOD),
    "the scheme alone": (b"Authorization: Bearer",),
}


def bare(raw: bytes) -> bytes:
    return raw.replace(BEARER + b"\r\n", b"")


def without_token(*headers: bytes) -> bytes:
    return bare(get(b"/api/tasks", *headers))


CREDENTIALS = [
    *(
        BadRequest(f"token: {name}", without_token(*headers), 401, "invalid_token")
        for name, headers in MANY.items()
    ),
    *(
        BadRequest(f"no token: {name}", without_token(*headers), 401, "missing_token")
        for name, headers in NO_TOKENS.items()
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
