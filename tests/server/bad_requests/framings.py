"""Requests that violate HTTP/1.1, or try to smuggle another request past a proxy."""

from tests.server.bad_requests.request import BEARER, BadRequest, get, lines

MALFORMED = "malformed_request"
SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: taskward\r\n\r\n"
JSON = b"Content-Type: application/json"
START = b"POST /api/tasks HTTP/1.1"
LENGTH = b"Content-Length: 5"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"0\r\n\r\n"

# Headers about the length of a body that cannot be trusted.
LENGTHS: dict[str, tuple[bytes, ...]] = {
    "a length, then chunks": (LENGTH, CHUNKED),
    "chunks, then a length": (CHUNKED, LENGTH),
    "a length of zero, and chunks": (b"Content-Length: 0", CHUNKED),
    "chunks twice": (CHUNKED, CHUNKED),
    "chunks twice in one header": (b"Transfer-Encoding: chunked, chunked",),
    "gzip, then chunks": (b"Transfer-Encoding: gzip, chunked",),
    "identity": (b"Transfer-Encoding: identity",),
    "an unknown coding": (b"Transfer-Encoding: xchunked",),
    "no coding": (b"Transfer-Encoding:",),
    "a coding after a vertical tab": (b"Transfer-Encoding: \x0bchunked",),
    "a name with a space": (b"Transfer-Encoding : chunked",),
    "a folded coding": (b"Transfer-Encoding:\r\n chunked, x",),
    "a negative length": (b"Content-Length: -1",),
    "a length with a plus": (b"Content-Length: +5",),
    "a hexadecimal length": (b"Content-Length: 0x5",),
    "a length in words": (b"Content-Length: five",),
    "an empty length": (b"Content-Length:",),
    "a length of a hundred digits": (b"Content-Length: " + b"9" * 100,),
    "two lengths": (LENGTH, b"Content-Length: 6"),
    "two lengths in one header": (b"Content-Length: 5, 6",),
}
BROKEN_CHUNKS: dict[str, bytes] = {
    "a size that is none": b"xyz\r\n12345\r\n0\r\n\r\n",
    "a negative size": b"-5\r\n12345\r\n0\r\n\r\n",
    "a size of thirty digits": b"f" * 30 + b"\r\n12345",
    "a chunk that is longer than it says": b"3\r\n12345\r\n0\r\n\r\n",
    "an empty size": b"\r\n12345\r\n0\r\n\r\n",
}
HEADS: dict[str, bytes] = {
    "no version": b"GET /api/tasks\r\n\r\n",
    "HTTP/0.9 with a name": b"GET /api/tasks HTTP/0.9\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"GET /api/tasks HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/3.7": b"GET /api/tasks HTTP/3.7\r\nHost: x\r\n\r\n",
    "HTTP/1": b"GET /api/tasks HTTP/1\r\nHost: x\r\n\r\n",
    "another protocol": b"GET /api/tasks ICY/1.1\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 64 + b"\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "nonsense": b"hello\r\n\r\n",
    "HTTP/1.0 in chunks": b"POST /api/tasks HTTP/1.0\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a host with a space": b"GET /api/tasks HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a host with a slash": b"GET /api/tasks HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a user": b"GET /api/tasks HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a host in Unicode": "GET /api/tasks HTTP/1.1\r\nHost: ä\r\n\r\n".encode(),
    "no host": b"GET /api/tasks HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /api/tasks HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a method with a slash": b"G/T /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b" /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab for a space": b"GET\t/api/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the target": b"GET /api/tasks ?x HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes beyond ASCII in the target": b"GET /api/t\xc3\xa4sks HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the target": b"GET /api/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without a colon": b"GET /api/tasks HTTP/1.1\r\nHost: x\r\nX-Other\r\n\r\n",
    "a header without a name": b"GET /api/tasks HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n",
    "a header name with a space": b"GET /api/tasks HTTP/1.1\r\nHost: x\r\nX Other: 1\r\n\r\n",
    "a header before the first": b"GET /api/tasks HTTP/1.1\r\n X: 1\r\nHost: x\r\n\r\n",
    "a NUL in a header": b"GET /api/tasks HTTP/1.1\r\nHost: x\r\nX-Other: a\0b\r\n\r\n",
    "a carriage return in a header": b"GET /api/tasks HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
    "a header name beyond ASCII": b"GET /api/tasks HTTP/1.1\r\nHost: x\r\nX\xe4: 1\r\n\r\n",
    "a protocol in lower case": b"GET /api/tasks http/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.10": b"GET /api/tasks HTTP/1.10\r\nHost: x\r\n\r\n",
    "HTTP/1.2": b"GET /api/tasks HTTP/1.2\r\nHost: x\r\n\r\n",
    "ten empty lines before": b"\r\n" * 10 + b"GET /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
    "a carriage return before": b"\rGET /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
    "PROXY protocol 1": b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "PROXY protocol 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f" * 12,
}
BIG = "header_fields_too_large"

FRAMINGS = [
    *(
        BadRequest(
            f"length: {name}",
            lines(START, JSON, *headers, body=CHUNKS + SMUGGLED),
            400,
            MALFORMED,
            closes=True,
        )
        for name, headers in LENGTHS.items()
    ),
    *(
        BadRequest(
            f"chunks: {name}", lines(START, JSON, CHUNKED, body=body), 400, MALFORMED, closes=True
        )
        for name, body in BROKEN_CHUNKS.items()
    ),
    *(BadRequest(f"head: {name}", raw, 400, MALFORMED, closes=True) for name, raw in HEADS.items()),
    BadRequest(
        "head: a host of two dots, and no token",
        b"GET /api/tasks HTTP/1.1\r\nHost: ..\r\n\r\n",
        401,
        "missing_token",
    ),
    BadRequest(
        "head: a host of 300 letters, and no token",
        b"GET /api/tasks HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n\r\n",
        401,
        "missing_token",
    ),
    BadRequest("head: 25 KiB in one header", get(b"/api/tasks", b"X: " + b"x" * 25_000), 431, BIG),
    BadRequest(
        "head: 25 KiB in 540 headers",
        get(b"/api/tasks", *(b"X-%03d: %s" % (n, b"x" * 40) for n in range(540))),
        431,
        BIG,
    ),
    # If it had an end, the connection would stay open if all of it is read at once.
    BadRequest(
        "head: 70 KiB in one header without an end",
        b"GET /api/tasks HTTP/1.1\r\nHost: taskward\r\nX: " + b"x" * 70_000,
        431,
        BIG,
        closes=True,
    ),
    BadRequest(
        "upgrade: h2c is ignored, and the request refused for its query",
        get(
            b"/api/tasks?x=1",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        ),
        422,
        "invalid_request",
    ),
    BadRequest(
        "upgrade: a WebSocket is ignored, and the request refused for its query",
        get(
            b"/api/tasks?x=1",
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        422,
        "invalid_request",
    ),
    BadRequest(
        "pipeline: the second of two is bad",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + BEARER + b"\r\n\r\nnonsense\r\n\r\n",
        400,
        MALFORMED,
        closes=True,
        served=1,
    ),
]
