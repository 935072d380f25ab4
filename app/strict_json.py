"""JSON as RFC 8259 and I-JSON (RFC 7493) have it, where the standard library is laxer."""

import json
import re
from typing import NoReturn, TypeAlias

import msgspec

JsonValue: TypeAlias = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None

MAX_DEPTH = 32
"""Levels of nesting that `parse` accepts."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedJsonError(ValueError):
    """The bytes are not JSON. The message is for the sender and quotes nothing of them."""


def parse(raw: bytes, *, whole_as_integer: bool = False) -> JsonValue:
    """Parse UTF-8 JSON text. With `whole_as_integer`, 1.0 is 1, as JSON Schema has it.

    Raises `MalformedJsonError` for what the standard library lets pass as well: a member named
    twice, `NaN` and infinities, unpaired surrogates, and more than `MAX_DEPTH` levels.
    """
    try:
        text = raw.decode()
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_members,
            parse_constant=_refuse_constant,
            parse_float=_whole_as_integer if whole_as_integer else _finite,
        )
    except MalformedJsonError:
        raise
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedJsonError(f"it is not valid JSON at {place}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        # Python refuses to convert an integer of thousands of digits.
        raise MalformedJsonError("it has a number that is too large") from None
    _check(value, MAX_DEPTH)
    return value


def write(value: msgspec.Struct) -> bytes:
    """Write a carrier as JSON, with a line's end for those who read it in a terminal."""
    return msgspec.json.encode(value) + b"\n"


def _members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJsonError("it names a member of an object twice")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedJsonError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise MalformedJsonError("it has a number that is too large")
    return number


def _whole_as_integer(text: str) -> float:
    number = _finite(text)
    return int(number) if number.is_integer() else number


def _too_deep() -> MalformedJsonError:
    return MalformedJsonError(f"it is nested more than {MAX_DEPTH} levels deep")


def _check(value: JsonValue, levels: int) -> None:
    match value:
        case str():
            if _SURROGATE.search(value):
                raise MalformedJsonError("it has an unpaired surrogate")
        case dict():
            _check_children((*value.keys(), *value.values()), levels)
        case list():
            _check_children(value, levels)


def _check_children(children: tuple[JsonValue, ...] | list[JsonValue], levels: int) -> None:
    if levels == 0:
        raise _too_deep()
    for child in children:
        _check(child, levels - 1)
