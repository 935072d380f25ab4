"""Parse and write JSON per RFC 8259 and I-JSON (RFC 7493): stricter than the standard library."""

import codecs
import json
import re
from math import isinf
from typing import NoReturn, TypeAlias

import msgspec

JsonValue: TypeAlias = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None

MAX_DEPTH = 32
"""The most levels of nesting that `parse` accepts."""
MAX_VALUES = 5_000
"""The most values that `parse` accepts.

The whole text, each member of an object and each item of an array counts as one. A batch of 100
tasks with every property of the contract has about 1,500, and 2,000 more with 20 labels each.
"""
MAX_EXACT = 2**53
"""The magnitude up to which every integer is an exact double, so that 1.0 may be read as 1."""

# A 64-bit integer has at most 19 digits. A longer one becomes a double, because the time for
# parsing a Python integer grows with the square of its digits.
_MAX_INTEGER_LENGTH = len("-9223372036854775808")
_LONG_INTEGER = re.compile(rb"[0-9]{19}")

_UTF_16 = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
_GZIP = b"\x1f\x8b"

# Valid UTF-8 contains no surrogates, so an escape is the only way to write one.
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class MalformedJsonError(ValueError):
    """The bytes are not valid JSON. The message is for the client and quotes no part of them."""


def parse(raw: bytes, *, whole_as_integer: bool = False, limited: bool = True) -> JsonValue:
    """Return the value of a JSON text in UTF-8. A byte order mark before it is ignored.

    With `whole_as_integer`, 1.0 becomes the integer 1, as in JSON Schema. The limits are not for a
    text of the server's own, such as a page of tasks: it can have more values and levels.

    Raises `MalformedJsonError` for invalid JSON, and for some texts that the standard library
    accepts: duplicate properties, `NaN` and infinities, unpaired surrogates, more than
    `MAX_DEPTH` levels, and more than `MAX_VALUES` values. The values are counted before the text
    is parsed.
    """
    if b"\0" in raw[:2] or raw.startswith(_UTF_16):
        raise MalformedJsonError("UTF-16 or UTF-32 instead of UTF-8")
    if raw.startswith(_GZIP):
        raise MalformedJsonError("compressed with gzip")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    structure = _structure(raw)
    if limited and _count_values(structure) > MAX_VALUES:
        raise MalformedJsonError(f"more than {MAX_VALUES:,} values")
    try:
        text = raw.decode()
        has_long = _LONG_INTEGER.search(structure) is not None
        value: JsonValue = _DECODERS[whole_as_integer, has_long].decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedJsonError(f"not valid JSON at {place}") from None
    except RecursionError:
        raise _too_deep() from None
    if _count_members(value, limited=limited) != structure.count(b":"):
        raise MalformedJsonError("duplicate property in an object")
    if _ESCAPED_SURROGATE.search(text):
        _check_surrogates(value)
    return value


def write(value: msgspec.Struct) -> bytes:
    """Return a struct as JSON, with a line break at the end for readers in a terminal."""
    return msgspec.json.encode(value) + b"\n"


def _structure(raw: bytes) -> bytes:
    """Return a JSON text without white space and without the content of its strings.

    The result for malformed text is right up to the position at which a parser stops.
    """
    unescaped = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    return b'"'.join(unescaped.split(b'"')[::2]).translate(None, b" \t\r\n")


def _count_values(structure: bytes) -> int:
    containers = structure.count(b"[") + structure.count(b"{")
    empty = structure.count(b"[]") + structure.count(b"{}")
    return 1 + structure.count(b",") + containers - empty


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedJsonError("NaN and Infinity are not JSON")


def _integer(text: str) -> float:
    return int(text) if len(text) <= _MAX_INTEGER_LENGTH else _finite(text)


def _finite(text: str) -> float:
    return _checked(float(text))


def _checked(number: float) -> float:
    if isinf(number):
        raise MalformedJsonError("a number is too large")
    return number


def _whole_as_integer(text: str) -> float:
    number = float(text)
    if -MAX_EXACT <= number <= MAX_EXACT:
        return int(number) if number.is_integer() else number
    return _checked(number)


def _too_deep() -> MalformedJsonError:
    return MalformedJsonError(f"nested more than {MAX_DEPTH} levels deep")


def _count_members(value: JsonValue, *, limited: bool) -> int:
    """Return the number of members of all objects.

    Raises `MalformedJsonError` for a value with more than `MAX_DEPTH` levels, if `limited`.
    """
    members = 0
    level = [value]
    for _ in range(MAX_DEPTH if limited else 2 * MAX_DEPTH):
        below: list[JsonValue] = []
        for each in level:
            if type(each) is dict:
                members += len(each)
                below += each.values()
            elif type(each) is list:
                below += each
        if not below:
            return members
        level = below
    if any(isinstance(each, dict | list) for each in level):
        raise _too_deep()
    return members


def _check_surrogates(value: JsonValue) -> None:
    try:
        msgspec.json.encode(value)  # UTF-8 cannot encode an unpaired surrogate
    except UnicodeEncodeError:
        raise MalformedJsonError("unpaired surrogate in a string") from None


# The decoders, by `whole_as_integer` and by whether the text has a long integer. Only the latter
# ones look at the length of each integer, which takes longer than all other parsing.
_DECODERS = {
    (whole_as_integer, has_long): json.JSONDecoder(
        parse_constant=_refuse_constant,
        parse_float=_whole_as_integer if whole_as_integer else _finite,
        parse_int=_integer if has_long else None,
    )
    for whole_as_integer in (False, True)
    for has_long in (False, True)
}
