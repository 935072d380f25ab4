"""Invalid path and query parameters, and `Accept` headers that exclude JSON."""

from tests.server.bad_requests.request import TASK, BadRequest, get, lines

INVALID = "invalid_request"
IDS = [
    b"42",
    b"x",
    b"019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d7",
    b"019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d700",
    b"019aa3f07b6c7d2e9f413c5a8e1b2d70",
    b"%7B019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70%7D",
    b"urn:uuid:019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70",
    b"019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2dzz",
    b"019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70%00",
    b"019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70%0A",
    b"%20019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70",
    b"%EF%BC%90%EF%BC%9119aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70",
    b"null",
    b"..%00",
    b"'%20OR%201=1--",
    b"%F0%9F%98%80",
    b"x" * 4000,
]
QUERIES = [
    b"limit=0",
    b"limit=201",
    b"limit=-1",
    b"limit=1.0",
    b"limit=01",
    b"limit=+1",
    b"limit=%2B1",
    b"limit=1e1",
    b"limit=0x10",
    b"limit=1%00",
    b"limit=%D9%A1",
    b"limit=true",
    b"limit=null",
    b"limit=" + b"9" * 30,
    b"limit=" + b"9" * 5000,
    b"limit=-" + b"9" * 5000,
    b"limit=1&limit=1",
    b"limit[]=1",
    b"limit=1;status=all",
    b"status=done",
    b"status=PENDING",
    b"status=pending,completed",
    b"status=pending&status=completed",
    b"status=%00",
    b"cursor=x",
    b"cursor=%00",
    b"cursor=" + b"A" * 42,
    b"cursor=" + b"A" * 43,
    b"cursor=" + b"A" * 44,
    b"cursor=" + b"_" * 43,
    b"cursor=" + b"=" * 43,
    b"cursor=" + b"%2B" * 43,
    b"cursor=" + b"A" * 43 + b"&cursor=" + b"A" * 43,
    b"label=a&label=",
    b"label=" + b"x" * 51,
    b"label=" + b"%F0%9F%98%80" * 51,
    b"label=a&label=" + b"x" * 51,
    b"label=" + b"x" * 5000,
    b"label=%00",
    b"label=a%00b",
    b"label=a&label=%00",
    b"&".join(b"label=%d" % n for n in range(21)),
    b"&".join([b"label=a"] * 21),
    b"&".join([b"label=a"] * 500),
    b"label[]=a",
    b"label[0]=a",
    b"labels=a",
    b"Label=a",
    b"label=a&status=all&status=all",
    b"nope=x",
    b"sort=title",
    b"user_id=eve",
    b"access_token={TOKEN}",
    b"=x",
    b"Limit=1",
    b"limi%74=0",
    b"%00=1",
    b"a=1&" * 400,
    b"&".join(b"p%d" % n for n in range(900)),
    b"limit=%205",
    b"limit=5%0A",
    b"limit=-0",
    b"limit=1_0",
    b"limit==1",
    b"limit=%",
    b"limit=%zz",
    b"limit=%EF%BC%95",
    b"limit=9223372036854775808",
    b"limit%00=1",
    b"status[]=all",
    b"status=all%20",
    b"cursor=" + b"A" * 42 + b"%3D",
    b"cursor=" + b"A" * 42 + b"+",
    b"cursor=" + b"%C3%A9" * 43,
    b"cursor=VGhpcyBpcyBub3QgYSByZWFsIGN1cnNvciBhdCBhbGw",
]
ACCEPTS = [
    b"text/html",
    b"application/xml, text/plain",
    b"application/json;q=0",
    b"*/*;q=0",
    b"application/problem+json",
    b"image/*",
    b"*/json",
    b"application/*;q=0",
    b"application/json; q=0.5; q=0",
    b";;;",
    b"/",
    b"json",
    b"\xff\xfe",
    b"a/b;q=0.5, " * 1000,
    b"a," * 7000,
    b"*/*;q=0," * 1900,
    b'"",' * 5000,
]

PARAMETERS = [
    *(
        BadRequest(f"id: {id_[:60].decode()}", get(b"/api/tasks/" + id_), 422, INVALID)
        for id_ in IDS
    ),
    *(
        BadRequest(f"query: {query[:60].decode()}", get(b"/api/tasks?" + query), 422, INVALID)
        for query in QUERIES
    ),
    *(
        BadRequest(f"query: label on {path.decode()}", get(path + b"?label=a"), 422, INVALID)
        for path in (TASK, b"/api/tasks/changes", b"/api/me")
    ),
    *(
        BadRequest(
            f"query: unknown on {method.decode()} {path.decode()}",
            lines(method + b" " + path + b"?dry_run=1 HTTP/1.1"),
            422,
            INVALID,
        )
        for method, path in (
            (b"POST", b"/api/tasks"),
            (b"GET", TASK),
            (b"PUT", TASK),
            (b"PATCH", TASK),
            (b"DELETE", TASK),
            (b"PATCH", TASK + b"/complete"),
            (b"POST", b"/api/tasks/batch"),
            (b"GET", b"/api/tasks/changes"),
            (b"GET", b"/health/live"),
            (b"GET", b"/health/ready"),
        )
    ),
    *(
        BadRequest(
            f"accept: {accept[:40].decode('latin-1')}",
            get(b"/api/tasks", b"Accept: " + accept),
            406,
            "not_acceptable",
        )
        for accept in ACCEPTS
    ),
]
