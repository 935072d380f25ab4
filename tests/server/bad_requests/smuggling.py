"""Bodies whose end is ambiguous, each followed by a request that must not be served."""

from tests.server.bad_requests.framings import CHUNKED, JSON, SMUGGLED, START
from tests.server.bad_requests.request import TASK, BadRequest, lines

MALFORMED = "malformed_request"
OLD = b"POST /api/tasks HTTP/1.0"

HEADERS: dict[str, tuple[bytes, ...]] = {
    "chunks in HTTP/1.0": (OLD, CHUNKED),
    "chunks in HTTP/1.0 that is kept alive": (OLD, CHUNKED, b"Connection: keep-alive"),
    "a length and chunks in HTTP/1.0": (OLD, CHUNKED, b"Content-Length: 0"),
    "a quoted coding": (START, b'Transfer-Encoding: "chunked"'),
    "a coding with a parameter": (START, b"Transfer-Encoding: chunked;q=1"),
    "chunks, then identity": (START, b"Transfer-Encoding: chunked, identity"),
    "chunks after a comma": (START, b"Transfer-Encoding: ,chunked"),
    "a coding beyond ASCII": (START, b"Transfer-Encoding: chunked\xa0"),
    "a coding with a NUL": (START, b"Transfer-Encoding: chunked\0"),
    "a length with an underscore": (START, b"Content-Length: 1_0"),
    "a length with a fraction": (START, b"Content-Length: 5.0"),
    "a length with a space inside": (START, b"Content-Length: 1 0"),
    "a length before a comma": (START, b"Content-Length: 5,"),
    "a length in other digits": (START, b"Content-Length: \xd9\xa5"),
    "a length and a length that is none": (START, b"Content-Length: 5", b"Content-Length: x"),
}
CHUNKS: dict[str, bytes] = {
    "a prefix of the size": b"0x5\r\n12345\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\n12345\r\n0\r\n\r\n",
    "a plus before the size": b"+5\r\n12345\r\n0\r\n\r\n",
    "a size of 70,000 digits": b"1" * 70_000,
    "an extension of 70,000 bytes": b"5;" + b"x" * 70_000,
    "a line feed in an extension": b"5;x\n\r\n12345\r\n0\r\n\r\n",
    "no line break after the data": b"5\r\n12345XX0\r\n\r\n",
    "a trailer without a colon": b"5\r\n12345\r\n0\r\nX-Other\r\n\r\n",
    "a trailer with a space in its name": b"5\r\n12345\r\n0\r\nX Other: 1\r\n\r\n",
}
BODILESS: dict[str, bytes] = {
    "listTasks": b"GET /api/tasks HTTP/1.1",
    "getTask": b"GET " + TASK + b" HTTP/1.1",
    "deleteTask": b"DELETE " + TASK + b" HTTP/1.1",
    "getLiveness": b"GET /health/live HTTP/1.1",
    "getReadiness": b"GET /health/ready HTTP/1.1",
}

SMUGGLING = [
    *(
        BadRequest(
            f"smuggling: {name}",
            lines(first, JSON, *headers, body=b"0\r\n\r\n" + SMUGGLED),
            400,
            MALFORMED,
            closes=True,
        )
        for name, (first, *headers) in HEADERS.items()
    ),
    *(
        BadRequest(
            f"smuggling: {name}",
            lines(START, JSON, CHUNKED, body=chunks + SMUGGLED),
            400,
            MALFORMED,
            closes=True,
        )
        for name, chunks in CHUNKS.items()
    ),
    *(
        BadRequest(
            f"no body: {name}, broken chunks",
            lines(first, CHUNKED, body=b"zz\r\n" + SMUGGLED),
            400,
            MALFORMED,
            closes=True,
        )
        for name, first in BODILESS.items()
    ),
    *(
        BadRequest(
            f"no body: {name}, an object",
            lines(first, JSON, b"Content-Length: 2", body=b"{}"),
            400,
            MALFORMED,
        )
        for name, first in BODILESS.items()
    ),
    BadRequest(
        "smuggling: behind a good request",
        SMUGGLED + lines(START, CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED),
        400,
        MALFORMED,
        closes=True,
        served=1,
    ),
    BadRequest(
        "smuggling: a body that is a request, for nobody",
        b"POST /api/tasks HTTP/1.1\r\nHost: taskward\r\nContent-Length: %d\r\n\r\n%s"
        % (len(SMUGGLED), SMUGGLED),
        401,
        "missing_token",
    ),
]
