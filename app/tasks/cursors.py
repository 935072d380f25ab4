"""Opaque cursors: a position in a list, bound to the user, the filters and the sort order."""

import hashlib
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

from .errors import InvalidCursorError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAYOUT = struct.Struct(">8sq16s")
"""The digest of the scope, the value as a number, and the id. A text follows."""
_NO_VALUE = -(2**63)
_SMALL = range(-(2**15), 2**15)
_TEXT = re.compile("[ -~]{1,100}")

SortValue: TypeAlias = datetime | int | str
"""The value by which a list is sorted: an instant, the rank of a priority, or a text."""


class PageCursor(NamedTuple):
    """The last task of a page. The next page begins after it.

    `value` is what the list is sorted by. It is None for a task without that value.
    """

    value: SortValue | None
    id: UUID


def encode_cursor(position: PageCursor, *scope: str) -> str:
    """Return a cursor of 43 to 176 URL-safe characters, bound to `scope` (user, filters, sort)."""
    number, text = 0, b""
    match position.value:
        case None:
            number = _NO_VALUE
        case datetime() as instant:
            number = (instant - _EPOCH) // _MICROSECOND
        case int() as number:
            pass
        case str() as value:
            text = value.encode()
    packed = _LAYOUT.pack(_digest(scope), number, position.id.bytes) + text
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(cursor: str, kind: type[SortValue], *scope: str) -> PageCursor:
    """Return the position in a cursor of a list that is sorted by values of `kind`.

    Raises `InvalidCursorError` if the cursor is malformed or was made for another scope. The
    digest protects against mistakes, not against forgery: a forged cursor only leads to another
    place in the user's own list.
    """
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        digest, number, id_ = _LAYOUT.unpack_from(packed)
        value = _value(kind, number, packed[_LAYOUT.size :].decode("ascii"))
    except (ValueError, struct.error, OverflowError):
        raise InvalidCursorError from None
    if digest != _digest(scope):
        raise InvalidCursorError
    return PageCursor(value, UUID(bytes=id_))


def _value(kind: type[SortValue], number: int, text: str) -> SortValue | None:
    """Return the value. Raises `ValueError` for one that no list has: the database rejects some."""
    if number == _NO_VALUE and not text:
        return None
    if kind is str and _TEXT.fullmatch(text):
        return text
    if kind is int and number in _SMALL and not text:
        return number
    if kind is datetime and not text:
        return _EPOCH + number * _MICROSECOND
    raise ValueError


def _digest(scope: tuple[str, ...]) -> bytes:
    parts = "".join(f"{len(part)}:{part}" for part in scope)
    return hashlib.sha256(parts.encode()).digest()[:8]
