"""Opaque cursors: the place of a task in a list, bound to the user and the filter."""

import hashlib
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.tasks.errors import InvalidCursorError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAYOUT = struct.Struct(">8sq16s")


class Position(NamedTuple):
    """The last task of a page: the next page begins after it."""

    created_at: datetime
    id: UUID


def encode_cursor(position: Position, *scope: str) -> str:
    """Write a position as 43 URL-safe characters, bound to `scope` (user, filter)."""
    microseconds = (position.created_at - _EPOCH) // _MICROSECOND
    packed = _LAYOUT.pack(_digest(scope), microseconds, position.id.bytes)
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(cursor: str, *scope: str) -> Position:
    """Read a cursor. Raises `InvalidCursorError` where it is none, or was made for another scope.

    The digest guards against mistakes, not against forgery: a forged cursor is only another
    place in the list of the user who forged it.
    """
    try:
        digest, microseconds, id_ = _LAYOUT.unpack(urlsafe_b64decode(f"{cursor}="))
        position = Position(_EPOCH + microseconds * _MICROSECOND, UUID(bytes=id_))
    except (ValueError, struct.error, OverflowError):
        raise InvalidCursorError from None
    if digest != _digest(scope):
        raise InvalidCursorError
    return position


def _digest(scope: tuple[str, ...]) -> bytes:
    parts = "".join(f"{len(part)}:{part}" for part in scope)
    return hashlib.sha256(parts.encode()).digest()[:8]
