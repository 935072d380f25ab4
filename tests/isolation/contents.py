"""The content of a task that a user writes: in a request, and in a response."""

from collections.abc import Mapping
from datetime import datetime

from tests.isolation.listings import Task, instant
from tests.isolation.raw_client import Json


def as_sent(body: Mapping[str, Json]) -> Json:
    """Return the content of a request in a standard form, which keeps the offset of the time."""
    due_at = body.get("due_at")
    as_read = due_at and datetime.fromisoformat(due_at.upper()).isoformat()
    return {"title": body["title"], "description": body.get("description"), "due_at": as_read}


def written(body: Mapping[str, Json]) -> Task:
    """Return the written content: text as it was sent, times in UTC, to the microsecond."""
    due_at = body.get("due_at")
    return {
        "title": body["title"],
        "description": body.get("description"),
        "due_at": due_at and in_utc(due_at),
    }


def in_utc(text: str) -> str:
    """Return a time as it appears in a response."""
    return instant(text).isoformat().replace("+00:00", "Z")
