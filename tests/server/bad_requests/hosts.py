"""Invalid hosts, in the `Host` header and in the absolute form of the target."""

from tests.server.bad_requests.request import BEARER, BadRequest, get

HOSTS: dict[str, bytes] = {
    "a tab": b"task\tward",
    "a backslash": b"taskward\\x",
    "a query": b"taskward?x",
    "a fragment": b"taskward#x",
    "a quote": b'task"ward',
    "markup": b"<script>",
    "a URL": b"http://taskward",
    "half an address": b"[::1",
    "a host after an address": b"[::1]x",
    "a port in words": b"taskward:https",
    "a negative port": b"taskward:-1",
    "two ports": b"taskward:80:80",
    "a control character": b"task\x01ward",
}
URLS: dict[str, bytes] = {
    "no host": b"http://",
    "no host, but a port": b"http://:80/api/tasks",
    "a user with a password": b"http://eve:secret@taskward/api/tasks",
    "a port in words": b"http://taskward:https/api/tasks",
    "a fragment for a path": b"http://taskward#/api/tasks",
    "one slash": b"http:/taskward/api/tasks",
}
GET = b"GET /api/tasks HTTP/1.1\r\nHost: %s\r\n" + BEARER + b"\r\n\r\n"

HOSTILE = [
    *(
        BadRequest(f"host: {name}", GET % host, 400, "malformed_request", closes=True)
        for name, host in HOSTS.items()
    ),
    *(
        BadRequest(f"absolute form: {name}", get(url), 400, "malformed_request", closes=True)
        for name, url in URLS.items()
    ),
]
