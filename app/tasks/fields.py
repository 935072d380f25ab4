"""The fields of a task: as the API has them, and as the table stores them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    null,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

from .errors import ExtraTooLargeError
from .schemas import Task

PRIORITIES = ("none", "low", "medium", "high")
"""A priority is stored as its place here, so that priorities are sorted by their meaning."""
MAX_EXTRA_BYTES = 4096

_WORDS = literal_column(f"(ARRAY[{', '.join(map(repr, PRIORITIES))}])", ARRAY(Text))
_FIRST = literal_column("1", Integer)
_UTC = literal_column("'UTC'", Text)


def start_of(day: date) -> datetime:
    """Return the beginning of a day in UTC: `due_at` of a task for the whole day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def stored(fields: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of the columns for fields of the API. A due date sets both its columns.

    Raises `ExtraTooLargeError`.
    """
    values = dict(fields)
    if "due_on" in values or "due_at" in values:
        day = values.get("due_on")
        values["due_at"] = start_of(day) if day is not None else values.get("due_at")
        values["due_on"] = day
    if "priority" in values:
        values["priority"] = PRIORITIES.index(values["priority"])
    if "extra" in values:
        values["extra"] = _json(values["extra"])
    return values


def _json(extra: Any) -> str:  # noqa: ANN401 - any JSON
    text = msgspec.json.encode(extra)
    if len(text) > MAX_EXTRA_BYTES:
        raise ExtraTooLargeError
    return text.decode()


def merged(value: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON value after a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), each)
    return result


def is_for_a_day(rows: FromClause) -> ColumnElement[bool]:
    """Return the condition that a task is due on a day, not at an instant.

    If `due_at` is not the beginning of `due_on`, a server of version 0.2 has changed it since.
    """
    beginning = func.timezone(_UTC, cast(rows.c.due_on, TIMESTAMP))
    return and_(rows.c.due_on.is_not(None), rows.c.due_at == beginning)


def shown(rows: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of a task as the API shows them, in the order of `Task`.

    It belongs in the outermost query: the columns below are those that indexes have.
    """
    is_day = is_for_a_day(rows)
    translated: dict[str, ColumnElement[Any]] = {
        "due_at": case((is_day, null()), else_=rows.c.due_at).label("due_at"),
        "due_on": case((is_day, rows.c.due_on), else_=null()).label("due_on"),
        "priority": _WORDS[rows.c.priority + _FIRST].label("priority"),
    }
    return [translated.get(name, rows.c[name]) for name in Task.__struct_fields__]
