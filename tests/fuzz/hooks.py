"""Hooks of the Schemathesis run: values that only the server can make, and the coverage."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import schemathesis
import tracecov.schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response

from app.openapi import read
from app.tasks.idempotency import key_of
from quart_contract.document import Node
from quart_contract.keywords import (
    AT_MOST_ONE,
    KEYWORDS,
    MAX_JSON_BYTES,
    UNIQUE_ITEMS,
    WHITE_SPACE,
)
from quart_contract.operations import operations

tracecov.schemathesis.install()

USER = "schemathesis ada"
"""The user of the token, whose id alone can confirm an erasure."""
_CURSOR = re.compile(r"[A-Za-z0-9_-]{43,177}")
_LISTING = ("status", "label", "q", "due_before", "due_after", "sort")

_EXCLUSIONS = {
    tuple(schema[AT_MOST_ONE])
    for schema in read().tree["components"]["schemas"].values()
    if AT_MOST_ONE in schema
}

_keys: set[str] = set()
# The change tokens that can be sent. The first one means the beginning of the feed.
_tokens = ["A" * 43]
# For each cursor, the filters and the sort order for which the server made it.
_made_for: dict[str, dict[str, Any]] = {}


def _header_schemas() -> Iterator[tuple[str, Node]]:
    contract = read()
    for operation in operations(contract):
        for parameter in operation.headers:
            yield parameter.name, contract.resolve(parameter.schema)


_HEADERS = dict(_header_schemas())


_INSTANTS = st.datetimes(
    datetime(1001, 1, 1),  # noqa: DTZ001 - Hypothesis adds the time zone
    datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(datetime.isoformat)
_DAYS = st.dates(date(1000, 1, 1), date(9999, 12, 30)).map(date.isoformat)
schemathesis.openapi.format("date", _DAYS)
# The format's own examples have leap seconds and years that the contract excludes in words.
schemathesis.openapi.format("date-time", _INSTANTS)


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Replace the engine's own keywords, which Schemathesis does not know, with JSON Schema's."""
    del context
    for body in raw_schema["components"]["requestBodies"].values():
        if body.pop("x-null-means-absent", False):
            for content in body["content"].values():
                content["schema"] = {"oneOf": [content["schema"], {"type": "null"}]}
    for schema in raw_schema["components"]["schemas"].values():
        patterns = [KEYWORDS[name].pattern for name in KEYWORDS if schema.pop(name, False)]
        if len(patterns) == 1:
            schema["pattern"] = patterns[0]
        elif patterns:  # such as Title: a generator of texts takes one pattern
            schema["pattern"] = rf"^[^\u0000]*[^\u0000{WHITE_SPACE}][^\u0000]*$"
        if schema.pop(UNIQUE_ITEMS, False):
            schema["uniqueItems"] = True
        schema.pop(AT_MOST_ONE, None)  # `_mend_exclusions` sees to it
        schema.pop(MAX_JSON_BYTES, None)  # what Schemathesis generates is smaller


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Replace headers and cursors by valid values in cases that are meant to be valid."""
    del context, kwargs
    _mend_cursor(case)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        if case.path_parameters.get("id") == "batch":
            # From a problem's `instance`: Schemathesis takes ids from each URL in a response.
            case.path_parameters["id"] = str(uuid4())
        _mend_headers(case)
        _mend_exclusions(case.body)
        if "confirm" in case.query:
            case.query["confirm"] = USER
        if "since" in case.query and case.query["since"] not in _tokens:
            case.query["since"] = _tokens[-1]


def _mend_cursor(case: Case[Any]) -> None:
    """Send a cursor with the list for which it was made. Remove a cursor that was made up.

    The schema cannot express that only the server makes cursors, and that they belong to a list. A
    malformed cursor stays, and must be rejected.
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


def _mend_exclusions(value: object) -> None:
    """Remove the second of two properties that exclude each other, at any depth.

    Schemathesis would take the schema that says so for one that it can violate in other ways.
    """
    if isinstance(value, dict):
        for first, second in _EXCLUSIONS:
            if value.get(first) is not None and value.get(second) is not None:
                del value[second]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            _mend_exclusions(each)


def _mend_headers(case: Case[Any]) -> None:
    """Make headers valid that Schemathesis means to be valid: its own have only letters and digits.

    It also does not know that an idempotency key is for one body only.
    """
    for name, schema in _HEADERS.items():
        value = case.headers.get(name)
        if value is not None and not re.fullmatch(schema["pattern"], value):
            case.headers[name] = schema["examples"][0]
    if "If-Match" in case.headers and case.meta and case.meta.phase.name.value == "examples":
        # The task of the examples exists, but the example of an entity tag is of no version of it.
        case.headers["If-Match"] = "*"
    key = case.headers.get("Idempotency-Key")
    if key is not None:
        known = key_of(key)  # the same with and without quotes
        if known in _keys:
            case.headers["Idempotency-Key"] = str(uuid4())
        _keys.add(known)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Store the list for which a cursor was made, and the change tokens."""
    del context
    if case.operation.label == "GET /api/tasks/changes" and response.status_code == 200:
        _tokens.append(response.json()["next"])
    if case.operation.label == "GET /api/tasks" and response.status_code == 200:
        cursor = response.json()["next_cursor"]
        if cursor is not None:
            _made_for[cursor] = {name: case.query[name] for name in _LISTING if name in case.query}
