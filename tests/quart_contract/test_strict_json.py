"""Texts that the standard library accepts as JSON, and Taskward rejects."""

import codecs
import gzip
import json
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quart_contract.strict_json import (
    MAX_DEPTH,
    MAX_EXACT,
    MAX_VALUES,
    JsonValue,
    MalformedJsonError,
    parse,
)

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


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse(codecs.BOM_UTF8 + b'{"a": 1}') == {"a": 1}


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
        (2 * codecs.BOM_UTF8 + b'{"a": 1}', "not valid JSON at line 1, column 1"),
        *(
            ('"a"'.encode(each), "UTF-16 or UTF-32 instead of UTF-8")
            for each in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
        ),
        (gzip.compress(b"{}", mtime=0), "compressed with gzip"),
        (b'1 \0"a"', "not valid JSON at line 1, column 3"),
        (b'"a\nb"', "not valid JSON"),
        (b"01", "not valid JSON"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e400", "too large"),
        (b"-1e400", "too large"),
        (b"9" * 5000, "too large"),
        (b'{"a": 1, "a": 1}', "duplicate property"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate property"),
        (b'[{"b": {"a": 1, "a": 1}}]', "duplicate property"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\udc00\\ud800"', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'[["\\udfff"]]', "surrogate"),
        (b"[" * 4_000, "levels deep"),
        (b'{"a":' * 4_000, "levels deep"),
        (b"[" * 100_000, "5,000 values"),
        (b'{"a":' * 100_000, "5,000 values"),
        (b"[" + b"1e308," * 40_000 + b"0]", "5,000 values"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "levels deep"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_not_json_is_refused_with_its_place_or_reason(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedJsonError, match=message):
        parse(raw)


def test_the_deepest_nesting_is_accepted() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert parse(b"[" * MAX_DEPTH + b"1, 2" + b"]" * MAX_DEPTH)
    assert parse(b'{"a":' * MAX_DEPTH + b'"b"' + b"}" * MAX_DEPTH)


ITEMS = st.sampled_from(
    [r'"a,[{\""', r'"\\"', "0", "[]", "{ }", '[1, [], "]"]', '{"a": {}, ",": [0]}']
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ITEMS, max_size=20))
def test_values_are_counted_before_they_are_parsed(items: list[str]) -> None:
    others = "".join(f" , {item}" for item in items)
    # With the zeros, the text has exactly as many values as allowed.
    zeros = "0 , " * (MAX_VALUES - count(json.loads(f"[0{others}]")))
    assert count(parse(f"[{zeros}0{others}]".encode())) == MAX_VALUES
    with pytest.raises(MalformedJsonError, match="more than 5,000 values"):
        parse(f"[{zeros}0, 0{others}]".encode())


def count(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


def test_commas_and_brackets_in_texts_are_not_values() -> None:
    text = "[{,\\" * 40_000 + '"'
    assert parse(json.dumps({text: text[:1000]}).encode()) == {text: text[:1000]}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1.0", 1),
        ("-2e3", -2000),
        ("1e15", 10**15),
        (f"{MAX_EXACT}.0", MAX_EXACT),
        (f"-{MAX_EXACT}.0", -MAX_EXACT),
        (f"{MAX_EXACT + 2}.0", float(MAX_EXACT + 2)),
        ("1e25", 1e25),
        ("-1e308", -1e308),
        ("1.5", 1.5),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1" + "0" * 30, 1e30),
        ("1" + "0" * 300, 1e300),
    ],
)
def test_no_number_becomes_a_huge_integer(raw: str, value: float) -> None:
    number = parse(raw.encode(), whole_as_integer=True)
    assert (number, type(number)) == (value, type(value))


def test_what_may_look_odd_is_json_all_the_same() -> None:
    assert parse(b' "\\ud83d\\ude00" ') == "😀"
    assert parse(b'"\\u0000"') == "\0"
    assert parse(b"-0") == 0
    assert math.isclose(float(str(parse(b"1e-400"))), 0)
