"""Hooks of the Schemathesis run: cursors that can hold, and a report of what was covered."""

import re
from typing import Any

import schemathesis
import tracecov.schemathesis
from schemathesis import Case, HookContext, Response

tracecov.schemathesis.install()

_CURSOR = re.compile(r"[A-Za-z0-9_-]{43}")
_STATUSES = {None, "all", "pending", "completed"}

# Which `status` the server made each cursor for.
_made_for: dict[str, str | None] = {}


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Send a cursor with the filter that it was made for, and one that was made up not at all.

    The schema cannot say that only the server makes cursors, nor that they go with a filter.
    One that looks wrong stays, to be refused.
    """
    del context, kwargs
    cursor, status = case.query.get("cursor"), case.query.get("status")
    if not isinstance(cursor, str) or not _CURSOR.fullmatch(cursor):
        return
    if cursor not in _made_for:
        del case.query["cursor"]
    elif status in _STATUSES:
        case.query["status"] = _made_for[cursor] or "all"


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Remember for which filter a cursor was made."""
    del context
    if case.operation.label == "GET /api/tasks" and response.status_code == 200:
        cursor = response.json()["next_cursor"]
        if cursor is not None:
            _made_for[cursor] = case.query.get("status")
