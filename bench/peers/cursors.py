"""Keyset cursors of the peers in Python: the position of a page's last task."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from uuid import UUID


def encode_cursor(created_at: datetime, id_: UUID) -> str:
    """Return the cursor for the page after a task."""
    return urlsafe_b64encode(f"{created_at.isoformat()} {id_}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Return the position of a cursor. Raises `ValueError` for an invalid one."""
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    created_at, _, id_ = text.partition(" ")
    return datetime.fromisoformat(created_at), UUID(id_)
