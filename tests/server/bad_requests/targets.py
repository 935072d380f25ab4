"""Invalid paths, methods and forms of the request target."""

from tests.server.bad_requests.request import TASK, BadRequest, get, lines

NOWHERE: dict[str, bytes] = {
    "another path": b"/nowhere",
    "half the path": b"/api",
    "a slash at the end": b"/api/tasks/",
    "two slashes at the end": b"/api/tasks//",
    "two slashes at the start": b"//api/tasks",
    "two slashes in the middle": b"/api//tasks",
    "another case": b"/API/TASKS",
    "a path behind a task": TASK + b"/other",
    "dots": b"/api/../api/tasks",
    "encoded dots": b"/api/%2e%2e/api/tasks",
    "a way to the password file": b"/docs/../../../../etc/passwd",
    "an encoded way to it": b"/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "backslashes": b"/api\\tasks",
    "an encoded slash": b"/api%2Ftasks",
    "an encoded slash behind a task": TASK + b"%2fcomplete",
    "a matrix parameter": b"/api/tasks;v=1",
    "a fragment": b"/api/tasks#x",
    "an encoded line break": b"/api/tasks%0d%0aX-Injected:%201",
    "an encoded NUL": b"/api/tasks%00",
    "an encoded question mark": b"/api/tasks%3Flimit=1",
    "a percent sign alone": b"/api/tasks%",
    "a folder of Git": b"/.git/config",
    "an encoded slash at the start": b"/%2Fapi/tasks",
    "encoded slashes at the start": b"/%2f%2fapi/tasks",
    "an encoded slash at the end": b"/api/tasks%2F",
    "a way out of a task": TASK + b"/../../../health/live",
    "two slashes before an operation": TASK + b"//complete",
    "an upper-case operation": TASK + b"/COMPLETE",
    "the absolute form, two slashes": b"http://taskward//api/tasks",
    "characters that no path has": b'/x"y<z>|^`{}',
    "8 KiB of segments": b"/x" * 4096,
    "the absolute form of nowhere": b"http://taskward/nowhere",
}
MALFORMED: dict[str, bytes] = {
    "a question mark alone": b"?",
    "a query alone": b"?limit=1",
    "no slash": b"api/tasks",
    "an asterisk and more": b"*x",
    "a host and a port": b"taskward:443",
    "another scheme": b"ftp://taskward/api/tasks",
    "a scheme of JavaScript": b"javascript:alert(1)",
    "a broken address": b"http://[::1/api/tasks",
    "no address": b"http:///api/tasks",
    "an address with a user": b"http://eve@taskward/api/tasks",
    "a broken address with a path": b"http://[x]y/api/tasks",
    "invalid UTF-8": b"/api/tasks/%FF",
    "overlong UTF-8": b"/api/tasks/%C0%80",
    "a surrogate": b"/api/tasks/%ED%A0%80",
    "invalid UTF-8 in the query": b"/api/tasks?cursor=%FF",
    "invalid UTF-8 in a label": b"/api/tasks?label=a&label=%C3",
    "a surrogate in a label": b"/api/tasks?label=%ED%A0%80",
    "overlong UTF-8 in a label": b"/api/tasks?label=%C0%80",
    "invalid UTF-8 in a name": b"/api/tasks?%FE=1",
}
METHODS = {
    b"/api/tasks": [b"PUT", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND", b"get", b"X" * 5000],
    TASK: [b"POST", b"TRACE", b"CONNECT", b"delete", b"Get", b"geT!"],
    TASK + b"/complete": [b"GET", b"POST", b"PUT", b"DELETE"],
    b"/health/live": [b"POST"],
    b"/openapi.yaml": [b"POST", b"get"],
    b"/docs": [b"DELETE"],
}

TARGETS = [
    *(
        BadRequest(f"path: {name}", get(target), 404, "path_not_found")
        for name, target in NOWHERE.items()
    ),
    *(
        BadRequest(f"target: {name}", get(target), 400, "malformed_request", closes=True)
        for name, target in MALFORMED.items()
    ),
    *(
        BadRequest(
            f"method: {method[:10].decode()} {path.decode()}",
            lines(method + b" " + path + b" HTTP/1.1"),
            405,
            "method_not_allowed",
        )
        for path, methods in METHODS.items()
        for method in methods
    ),
    BadRequest(
        "method: CONNECT",
        lines(b"CONNECT taskward:443 HTTP/1.1"),
        400,
        "malformed_request",
        closes=True,
    ),
    BadRequest("method: GET *", get(b"*"), 404, "path_not_found"),
    BadRequest("target: a byte too long", get(b"/" + b"x" * 8192), 414, "uri_too_long"),
    BadRequest("target: a query too long", get(b"/api/tasks?" + b"x" * 8192), 414, "uri_too_long"),
    # If it had an end, the response would depend on how much of it is read at once.
    BadRequest(
        "target: 70 KiB without an end",
        b"GET /" + b"x" * 70_000,
        431,
        "header_fields_too_large",
        closes=True,
    ),
]
