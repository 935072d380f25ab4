"""What a person writes about a task: as it was sent, and as it is answered."""

from collections.abc import Mapping
from datetime import datetime

from tests.isolation.listings import Task, instant
from tests.isolation.wire import Json


def as_sent(body: Mapping[str, Json]) -> Json:
    """The content of a request, however it is written; another offset is another request."""
    due_at = body.get("due_at")
    as_read = due_at and datetime.fromisoformat(due_at.upper()).isoformat()
    return {"title": body["title"], "description": body.get("description"), "due_at": as_read}


def written(body: Mapping[str, Json]) -> Task:
    """What a person wrote: text as it was sent, instants in UTC, to the microsecond."""
    due_at = body.get("due_at")
    return {
        "title": body["title"],
        "description": body.get("description"),
        "due_at": due_at and in_utc(due_at),
    }


def in_utc(text: str) -> str:
    """An instant as it is answered."""
    return instant(text).isoformat().replace("+00:00", "Z")
