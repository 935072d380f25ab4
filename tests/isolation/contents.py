"""The content of a task that a user writes: in a request, and in a response."""

from collections.abc import Mapping
from datetime import datetime

from tests.isolation.listings import Task, instant
from tests.isolation.raw_client import Json

DEFAULTS: Task = {
    "description": None,
    "due_at": None,
    "due_on": None,
    "labels": [],
    "priority": "none",
    "position": None,
    "extra": {},
}


def as_sent(body: Mapping[str, Json]) -> Json:
    """Return the content of a request in a standard form, which keeps the offset of the time."""
    due_at = body.get("due_at")
    sent = due_at and as_read(due_at)
    return {**body, "description": body.get("description"), "due_at": sent}


def sent_patch(body: Mapping[str, Json]) -> Json:
    """Return a patch in a standard form, which keeps the offset of the time."""
    due_at = body.get("due_at")
    return {**body, "due_at": as_read(due_at)} if due_at else dict(body)


def as_read(text: str) -> str:
    """Return an instant with its offset."""
    return datetime.fromisoformat(text.upper()).isoformat()


def written(body: Mapping[str, Json]) -> Task:
    """Return the written content: text as it was sent, times in UTC, to the microsecond."""
    due_at = body.get("due_at")
    return {**DEFAULTS, **body, "due_at": due_at and in_utc(due_at)}


def patched(task: Task, patch: Mapping[str, Json]) -> Task:
    """Return the fields of a task after a merge patch."""
    fields = dict(patch)
    if fields.get("due_at"):
        fields |= {"due_at": in_utc(fields["due_at"]), "due_on": None}
    elif fields.get("due_on"):
        fields["due_at"] = None
    if "extra" in fields:
        fields["extra"] = _merged(task["extra"], fields["extra"])
    return fields


def _merged(target: Json, patch: Json) -> Json:
    if not isinstance(patch, dict):
        return patch
    kept = target if isinstance(target, dict) else {}
    names = [*kept, *(name for name in patch if name not in kept)]
    return {
        name: _merged(kept.get(name), patch[name]) if name in patch else kept[name]
        for name in names
        if name not in patch or patch[name] is not None
    }


def in_utc(text: str) -> str:
    """Return a time as it appears in a response."""
    return instant(text).isoformat().replace("+00:00", "Z")
