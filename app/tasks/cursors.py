"""Opaque cursors: a position in a list, bound to the user, the filters and the sort order."""

import hashlib
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from .errors import InvalidCursorError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAYOUT = struct.Struct(">8sq16s")
_NO_INSTANT = -(2**63)


class PageCursor(NamedTuple):
    """The last task of a page. The next page begins after it.

    `instant` is the value by which the list is sorted. It is None for a task without a due date.
    """

    instant: datetime | None
    id: UUID


def encode_cursor(position: PageCursor, *scope: str) -> str:
    """Return a cursor of 43 URL-safe characters, bound to `scope` (user, filters, sort)."""
    instant = position.instant
    number = (instant - _EPOCH) // _MICROSECOND if instant else _NO_INSTANT
    packed = _LAYOUT.pack(_digest(scope), number, position.id.bytes)
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(cursor: str, *scope: str) -> PageCursor:
    """Return the position in a cursor.

    Raises `InvalidCursorError` if the cursor is malformed or was made for another scope. The
    digest protects against mistakes, not against forgery: a forged cursor only leads to another
    place in the user's own list.
    """
    try:
        digest, number, id_ = _LAYOUT.unpack(urlsafe_b64decode(f"{cursor}="))
        instant = None if number == _NO_INSTANT else _EPOCH + number * _MICROSECOND
    except (ValueError, struct.error, OverflowError):
        raise InvalidCursorError from None
    if digest != _digest(scope):
        raise InvalidCursorError
    return PageCursor(instant, UUID(bytes=id_))


def _digest(scope: tuple[str, ...]) -> bytes:
    parts = "".join(f"{len(part)}:{part}" for part in scope)
    return hashlib.sha256(parts.encode()).digest()[:8]
