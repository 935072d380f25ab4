"""JSON that the standard library takes, and Taskward does not."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.strict_json import MAX_DEPTH, JsonValue, MalformedJsonError, parse

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_was_written_is_read(value: JsonValue) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=50))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    with suppress(MalformedJsonError):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "line 1, column 1"),
        (b" ", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1,]", "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b"1 2", "line 1, column 3"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
        ('"a"'.encode("utf-16"), "not UTF-8"),
        (b'"a\nb"', "not valid JSON"),
        (b"01", "not valid JSON"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e400", "too large"),
        (b"-1e400", "too large"),
        (b"9" * 5000, "too large"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'[{"b": {"a": 1, "a": 1}}]', "twice"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\udc00\\ud800"', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'[["\\udfff"]]', "surrogate"),
        (b"[" * 100_000, "levels deep"),
        (b'{"a":' * 100_000, "levels deep"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "levels deep"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_not_json_is_refused_with_its_place_or_reason(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedJsonError, match=message):
        parse(raw)


def test_the_deepest_nesting_is_accepted() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_what_may_look_odd_is_json_all_the_same() -> None:
    assert parse(b' "\\ud83d\\ude00" ') == "😀"
    assert parse(b'"\\u0000"') == "\0"
    assert parse(b"-0") == 0
    assert math.isclose(float(str(parse(b"1e-400"))), 0)
