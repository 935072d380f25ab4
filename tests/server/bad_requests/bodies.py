"""Bodies that are not JSON, have the wrong media type, or violate the contract."""

import json

from quart_contract.strict_json import MAX_VALUES
from tests.server.bad_requests.request import TASK, BadRequest, lines, post

UNKNOWN = b"".join(b',"%x":0' % n for n in range(27_000))
"""More properties than a body may have, in almost the largest body that is allowed."""

MALFORMED: dict[str, bytes] = {
    "white space": b" \r\n\t",
    "an open object": b"{",
    "an open string": b'{"title": "x',
    "a trailing comma": b'{"title": "x",}',
    "single quotes": b"{'title': 'x'}",
    "no quotes": b"{title: 1}",
    "a comment": b'{"title": "x"} // y',
    "two values": b'{"title": "x"}{"title": "y"}',
    "a form": b"title=x",
    "XML": b"<title>x</title>",
    "a leading zero": b'{"title": 01}',
    "a plus sign": b'{"title": +1}',
    "a hexadecimal number": b'{"title": 0x1}',
    "a lone minus": b"-",
    "a tab in a string": b'{"title": "a\tb"}',
    "a line break in a string": b'{"title": "a\nb"}',
    "an unknown escape": b'{"title": "\\x41"}',
    "half an escape": b'{"title": "\\u12"}',
    "a NUL byte": b'{"title": "x"}\0',
    "two byte order marks": 2 * b"\xef\xbb\xbf" + b'{"title": "x"}',
    "a byte order mark alone": b"\xef\xbb\xbf",
    "a byte order mark in the text": b'{\xef\xbb\xbf"title": "x"}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"title": "x"}'.encode("utf-16-be"),
    "UTF-32": '{"title": "x"}'.encode("utf-32-le"),
    "Latin-1": '{"title": "é"}'.encode("latin-1"),
    "invalid UTF-8": b'{"title": "\xff"}',
    "overlong UTF-8": b'{"title": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "truncated UTF-8": b'{"title": "\xe2\x82"}',
    "a high surrogate alone": b'{"title": "\\ud800"}',
    "a low surrogate alone": b'{"title": "\\udc00"}',
    "surrogates the wrong way round": b'{"title": "\\udc00\\ud800"}',
    "a surrogate in a name": b'{"\\ud800": 1}',
    "a surrogate deep down": b'{"title": [["\\udfff"]]}',
    "a member twice": b'{"title": "x", "title": "y"}',
    "a member twice by an escape": b'{"title": "x", "titl\\u0065": "y"}',
    "NaN": b'{"title": NaN}',
    "Infinity": b'{"title": Infinity}',
    "minus Infinity": b'{"title": -Infinity}',
    "a number beyond a double": b'{"title": 1e400}',
    "an integer of 5000 digits": b'{"title": ' + b"9" * 5000 + b"}",
    "33 levels": b"[" * 33 + b"]" * 33,
    "5,000 arrays": b"[" * 5_000,
    "5,000 objects": b'{"a":' * 5_000,
    "100,000 arrays": b"[" * 100_000,
    "50,000 objects": b'{"a":' * 50_000,
    "a value too many": b'{"title": [' + b"0," * (MAX_VALUES - 2) + b"0]}",
    "40,000 numbers that are 309 digits long": b'{"title": [' + b"1e308," * 40_000 + b"0]}",
    "27,000 unknown members": b'{"title": "x"' + UNKNOWN + b"}",
    "80,000 brackets": b'{"title": [' + b"[]," * 80_000 + b"[]]}",
    "60,000 arrays": b'{"title": [' + b"[0]," * 60_000 + b"0]}",
    "gzip without its header": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}
REFUSED: dict[str, object] = {
    "null": None,
    "a string": "x",
    "a number": 1,
    "a boolean": True,
    "an array": [],
    "an array of tasks": [{"title": "x"}],
    "an empty object": {},
    "no title": {"description": "x"},
    "an empty title": {"title": ""},
    "a blank title": {"title": " \t\n\u2003"},
    "a title of 201": {"title": "x" * 201},
    "a title of 201 emoji": {"title": "😀" * 201},
    "a NUL in the title": {"title": "a\0b"},
    "a title that is a number": {"title": 7},
    "a title that is null": {"title": None},
    "a title that is an object": {"title": {"$ne": ""}},
    "a NUL in the description": {"title": "x", "description": "\0"},
    "a description of 10,001": {"title": "x", "description": "x" * 10_001},
    "a description that is false": {"title": "x", "description": False},
    "an unknown member": {"title": "x", "importance": 1},
    "a member of another case": {"title": "x", "Title": "y"},
    "an owner": {"title": "x", "user_id": "eve"},
    "an id that is no UUID": {"title": "x", "id": "7"},
    "a day and an instant": {
        "title": "x",
        "due_on": "2026-12-01",
        "due_at": "2026-12-01T00:00:00Z",
    },
    "a day that does not exist": {"title": "x", "due_on": "2026-02-30"},
    "equal labels": {"title": "x", "labels": ["a", "a"]},
    "an unknown priority": {"title": "x", "priority": "urgent"},
    "a position beyond ASCII": {"title": "x", "position": "é"},
    "a large extra": {"title": "x", "extra": {"a": "x" * 4096}},
    "a revision": {"title": "x", "revision": 7},
    "a prototype": {"title": "x", "__proto__": {}},
    "a due date without an offset": {"title": "x", "due_at": "2026-12-01T09:00:00"},
    "a due date without a time": {"title": "x", "due_at": "2026-12-01"},
    "a due date that does not exist": {"title": "x", "due_at": "2026-02-30T09:00:00Z"},
    "a due date with a leap second": {"title": "x", "due_at": "2016-12-31T23:59:60Z"},
    "a due date in the year 0": {"title": "x", "due_at": "0000-01-01T00:00:00Z"},
    "a due date after the end of time": {"title": "x", "due_at": "9999-12-31T23:59:59-01:00"},
    "a due date in words": {"title": "x", "due_at": "tomorrow"},
    "a due date of infinity": {"title": "x", "due_at": "infinity"},
    "a due date that is a number": {"title": "x", "due_at": 1795204472},
    "4,900 unknown members": {"title": "x"} | {f"m{n}": n for n in range(4_900)},
    "4,900 brackets": {"title": [[]] * 4_900},
    "4,900 numbers that are 309 digits long": {"title": [1e308] * 4_900},
}
COMPLETIONS: list[object] = [
    [],
    "true",
    {"completed": "true"},
    {"completed": 1},
    {"completed": None},
]
TYPES: dict[str, bytes] = {
    "text": b"Content-Type: text/plain",
    "a form": b"Content-Type: application/x-www-form-urlencoded",
    "several parts": b"Content-Type: multipart/form-data; boundary=x",
    "another JSON": b"Content-Type: application/merge-patch+json",
    "JSON lines": b"Content-Type: application/jsonl",
    "JSON in Latin-1": b"Content-Type: application/json; charset=iso-8859-1",
    "JSON in UTF-16": b"Content-Type: application/json; charset=utf-16",
    "JSON in an unknown charset": b"Content-Type: application/json; charset=x-none",
    "nothing": b"Content-Type:",
    "nonsense": b"Content-Type: \xff\xfe",
    "two types": b"Content-Type: application/json, text/plain",
    "gzip": b"Content-Type: application/json\r\nContent-Encoding: gzip",
    "two headers": b"Content-Type: application/json\r\nContent-Type: text/plain",
    "two codings": b"Content-Type: application/json\r\nContent-Encoding: identity"
    b"\r\nContent-Encoding: gzip",
    "3,000 parameters": b"Content-Type: application/json" + b";x=y" * 3000,
    "no header at all": b"X-Other: 1",
}
UNSUPPORTED = "unsupported_media_type"
LARGE = 256 * 1024 + 1

BODIES = [
    *(
        BadRequest(f"body: {name}", post(raw), 400, "malformed_json")
        for name, raw in MALFORMED.items()
    ),
    *(
        BadRequest(f"body: {name}", post(json.dumps(value).encode()), 422, "invalid_request")
        for name, value in REFUSED.items()
    ),
    *(
        BadRequest(
            f"completion: {value}",
            post(json.dumps(value).encode()).replace(
                b"POST /api/tasks ", b"PATCH " + TASK + b"/complete "
            ),
            422,
            "invalid_request",
        )
        for value in COMPLETIONS
    ),
    *(
        BadRequest(f"media type: {name}", post(b'{"title": "x"}', kind), 415, UNSUPPORTED)
        for name, kind in TYPES.items()
    ),
    BadRequest(
        "body: none, though one is required",
        lines(b"POST /api/tasks HTTP/1.1"),
        422,
        "invalid_request",
    ),
    BadRequest(
        "body: empty, though one is required",
        post(b""),
        422,
        "invalid_request",
    ),
    BadRequest(
        "body: a byte too large",
        post(b'"' + b"x" * (LARGE - 2) + b'"'),
        413,
        "content_too_large",
        closes=None,
    ),
    BadRequest(
        "body: a terabyte, as it says",
        lines(
            b"POST /api/tasks HTTP/1.1",
            b"Content-Length: 1099511627776",
            b"Content-Type: application/json",
            body=b"{",
        ),
        413,
        "content_too_large",
        closes=True,
    ),
    BadRequest(
        "body: a byte too large, in chunks",
        lines(
            b"POST /api/tasks HTTP/1.1",
            b"Transfer-Encoding: chunked",
            b"Content-Type: application/json",
            body=b"%x\r\n%s\r\n0\r\n\r\n" % (LARGE, b"x" * LARGE),
        ),
        413,
        "content_too_large",
        closes=None,
    ),
]
