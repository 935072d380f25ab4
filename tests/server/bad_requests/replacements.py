"""Invalid bodies of the operations that change tasks."""

import json

from tests.server.bad_requests.bodies import REFUSED, UNKNOWN
from tests.server.bad_requests.request import TASK, BadRequest, lines

JSON = b"Content-Type: application/json"
PUT = b"PUT " + TASK + b" HTTP/1.1"
PATCH = b"PATCH " + TASK + b"/complete HTTP/1.1"
UPDATE = b"PATCH " + TASK + b" HTTP/1.1"
BATCH = b"POST /api/tasks/batch HTTP/1.1"

MALFORMED: dict[str, bytes] = {
    "half an object": b'{"completed": tru',
    "UTF-16": b"\xff\xfe{\0}\0",
    "invalid UTF-8": b'{"\xff": 1}',
    "a surrogate": b'{"title": "\\ud83d"}',
    "a member twice": b'{"completed": true, "completed": false}',
    "33 objects": b'{"a":' * 33 + b"1" + b"}" * 33,
}
MALFORMED_IN = {"replace": PUT, "update": UPDATE, "complete": PATCH, "batch": BATCH}
COMPLETIONS: dict[str, object] = {
    "a string": "true",
    "a number": 1,
    "an unknown member": {"completed": True, "title": "x"},
    "the other word": {"complete": True},
    "a string for a boolean": {"completed": "false"},
    "zero for a boolean": {"completed": 0},
    "an array for a boolean": {"completed": [True]},
}
# As many values as a body may have: rejecting them must be cheap.
CROWD = b"".join(b',"%x":0' % n for n in range(4_900))
BATCHES: dict[str, bytes] = {
    "nothing": b"{}",
    "no operation": b'{"operations": []}',
    "an object": b'{"operations": {}}',
    "4,900 operations": b'{"operations": [' + b"{}," * 4_900 + b"{}]}",
    "4,900 numbers": b'{"operations": [' + b"0," * 4_900 + b"0]}",
    "4,900 unknown members": b'{"operations": [{"op": "delete"' + CROWD + b"}]}",
    "4,900 unknown members of nobody knows what": b'{"operations": [{"x": 0' + CROWD + b"}]}",
    "an operation of 4,900 numbers": b'{"operations": [{"op": [' + b"1e308," * 4_900 + b"0]}]}",
    "another operation": b'{"operations": [{"op": "upsert"}]}',
    "an operation that is an array": b'{"operations": [{"op": [[[[0]]]]}]}',
    "2,400 arrays": b'{"operations": [{"op": "create", "task": [' + b"[0]," * 2_400 + b"0]}]}",
    "a revision below 1": b'{"operations": [{"op": "delete", "id": "x", "revision": -1}]}',
    "a revision beyond 2^53": b'{"operations": [{"op": "delete", "id": "x", "revision": 1e300}]}',
    "a revision of 30 digits": b'{"operations": [{"op": "delete", "id": "x", "revision": %s}]}'
    % (b"9" * 30),
}
CROWDED: dict[str, bytes] = {
    "80,000 operations": b'{"operations": [' + b"{}," * 80_000 + b"{}]}",
    "130,000 numbers": b'{"operations": [' + b"0," * 120_000 + b"0]}",
    "27,000 unknown members": b'{"operations": [{"op": "delete"' + UNKNOWN + b"}]}",
    "40,000 numbers that are 309 digits long": b'{"operations": [{"op": ['
    + b"1e308," * 40_000
    + b"0]}]}",
}


def sent(first: bytes, body: bytes, *headers: bytes) -> bytes:
    return lines(first, b"Content-Length: %d" % len(body), *(headers or (JSON,)), body=body)


REPLACEMENTS = [
    *(
        BadRequest(
            f"replace: {name}", sent(PUT, json.dumps(value).encode()), 422, "invalid_request"
        )
        for name, value in REFUSED.items()
    ),
    *(
        BadRequest(
            f"complete: {name}", sent(PATCH, json.dumps(value).encode()), 422, "invalid_request"
        )
        for name, value in COMPLETIONS.items()
    ),
    *(
        BadRequest(f"{name}: {fault}", sent(first, body), 400, "malformed_json")
        for name, first in MALFORMED_IN.items()
        for fault, body in MALFORMED.items()
    ),
    *(
        BadRequest(
            f"{name}: text",
            sent(first, b"{}", b"Content-Type: text/plain"),
            415,
            "unsupported_media_type",
        )
        for name, first in (("replace", PUT), ("update", UPDATE), ("complete", PATCH))
    ),
    *(
        BadRequest(f"batch: {name}", sent(BATCH, body), 422, "invalid_request")
        for name, body in BATCHES.items()
    ),
    *(
        BadRequest(f"batch: {name}", sent(BATCH, body), 400, "malformed_json")
        for name, body in CROWDED.items()
    ),
]
