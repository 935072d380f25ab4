"""Hooks of the Schemathesis run: what only the server can make, and what was covered."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import schemathesis
import tracecov.schemathesis
from schemathesis import Case, HookContext, Response

from app.openapi import read
from quart_contract.document import Node
from quart_contract.operations import operations

tracecov.schemathesis.install()

USER = "schemathesis ada"
"""The user whose token is sent, who alone may confirm an erasure."""
_CURSOR = re.compile(r"[A-Za-z0-9_-]{43}")
_LISTING = ("status", "q", "due_before", "due_after", "sort")

_keys: set[str] = set()
# Of all change tokens, the first is where everybody begins.
_tokens = ["A" * 43]
# The filters and the sort that the server made each cursor for.
_made_for: dict[str, dict[str, Any]] = {}


def _header_schemas() -> Iterator[tuple[str, Node]]:
    contract = read()
    for operation in operations(contract):
        for parameter in operation.headers:
            yield parameter.name, contract.resolve(parameter.schema)


_HEADERS = dict(_header_schemas())


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Give headers and cursors values that can hold, where they are meant to."""
    del context, kwargs
    _mend_cursor(case)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _mend_headers(case)
        if "confirm" in case.query:
            case.query["confirm"] = USER
        if "since" in case.query and case.query["since"] not in _tokens:
            case.query["since"] = _tokens[-1]


def _mend_cursor(case: Case[Any]) -> None:
    """Send a cursor with the list that it was made for, and one that was made up not at all.

    The schema cannot say that only the server makes cursors, nor that they go with a list. One
    that looks wrong stays, to be refused.
    """
    cursor = case.query.get("cursor")
    if not isinstance(cursor, str) or not _CURSOR.fullmatch(cursor):
        return
    if cursor not in _made_for:
        del case.query["cursor"]
    elif case.meta is not None and case.meta.generation.mode.is_positive:
        for name in _LISTING:
            case.query.pop(name, None)
        case.query.update(_made_for[cursor])


def _mend_headers(case: Case[Any]) -> None:
    """Make valid what Schemathesis means to be so: it makes headers of letters and digits only.

    Nor does it know that a key is good for one body.
    """
    for name, schema in _HEADERS.items():
        value = case.headers.get(name)
        if value is not None and not re.fullmatch(schema["pattern"], value):
            case.headers[name] = schema["examples"][0]
    key = case.headers.get("Idempotency-Key")
    if key in _keys:
        case.headers["Idempotency-Key"] = str(uuid4())
    elif key is not None:
        _keys.add(key)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Remember for which list a cursor was made, and the change tokens."""
    del context
    if case.operation.label == "GET /api/tasks/changes" and response.status_code == 200:
        _tokens.append(response.json()["next"])
    if case.operation.label == "GET /api/tasks" and response.status_code == 200:
        cursor = response.json()["next_cursor"]
        if cursor is not None:
            _made_for[cursor] = {name: case.query[name] for name in _LISTING if name in case.query}
