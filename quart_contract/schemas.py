"""Compile schemas of the contract, with the formats and keywords that the engine enforces."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any

import jsonschema_rs
import msgspec

from quart_contract.document import ContractError, Document, Node
from quart_contract.keywords import (
    AT_MOST_ONE,
    KEYWORDS,
    MAX_JSON_BYTES,
    UNIQUE_ITEMS,
    MaxJsonBytes,
    at_most_one,
)

# RFC 3339, section 5.6. msgspec alone accepts a blank for the T, and offsets without a colon.
_COMPOSITIONS = {"allOf", "anyOf", "oneOf"}
_INTEGERS: Mapping[str, Node] = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"minimum": -(2**63), "maximum": 2**63 - 1},
}
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_BEGIN = datetime(1000, 1, 1, tzinfo=UTC)  # so that the year has four digits in the response, too
_END = datetime.max.replace(tzinfo=UTC)
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


def compile_schema(
    document: Document, schema: Node, *, closed: bool = False
) -> jsonschema_rs.Draft202012Validator:
    """Compile a schema of the contract, with formats asserted instead of being annotations.

    If `closed`, objects have only the properties that the schema describes.

    Raises `ContractError` for an invalid schema, a missing reference, an unknown format, or a
    keyword of `KEYWORDS` that is not true.
    """
    whole = _closed(document, document.schema(schema)) if closed else document.schema(schema)
    try:
        return jsonschema_rs.Draft202012Validator(
            _in_keywords(whole),
            validate_formats=True,
            ignore_unknown_formats=False,
            formats={
                "date-time": is_instant,
                "date": is_date,
                **dict.fromkeys(_INTEGERS, _is_checked),
            },
            keywords={MAX_JSON_BYTES: MaxJsonBytes},
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise ContractError(f"a schema cannot be compiled: {error}") from None


def _in_keywords(node: Any) -> Any:  # noqa: ANN401 - a part of a schema
    """Return a schema in which JSON Schema's keywords say what the engine's own and formats say."""
    if isinstance(node, list):
        return [_in_keywords(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _in_keywords(each) for name, each in node.items() if name not in KEYWORDS}
    own = [name for name in KEYWORDS if name in node]
    if any(node[name] is not True for name in own):
        raise ContractError(f"a schema cannot be compiled: {' or '.join(own)} can only be true")
    added: list[Node] = [{"pattern": KEYWORDS[name].pattern} for name in own]
    added += at_most_one(kept.pop(AT_MOST_ONE, []))
    if UNIQUE_ITEMS in kept:
        added.append({"uniqueItems": kept.pop(UNIQUE_ITEMS)})
    if isinstance(node.get("format"), str) and node["format"] in _INTEGERS:
        added.append(_INTEGERS[node["format"]])
    return {**kept, "allOf": [*kept.get("allOf", ()), *added]} if added else kept


def _closed(document: Document, node: Node, *, is_value: bool = True) -> Node:
    """Return a schema in which no object has a property that the schema does not describe.

    `is_value` is False for a part of another schema, such as an item of `allOf`: only the whole
    knows all properties.
    """
    close, closed = partial(_closed, document), dict(node)
    for keyword in {"properties", "patternProperties"} & node.keys():
        closed[keyword] = {name: close(each) for name, each in node[keyword].items()}
    if "items" in node:
        closed["items"] = close(node["items"])
    for keyword in _COMPOSITIONS & node.keys():
        closed[keyword] = [close(each, is_value=False) for each in node[keyword]]
    if "components" in node:
        schemas = node["components"]["schemas"].items()
        parts = {name: close(each, is_value=False) for name, each in schemas}
        closed["components"] = {"schemas": parts}
    if is_value and _describes_properties(document, node):
        closed.setdefault("unevaluatedProperties", False)
    return closed


def _describes_properties(document: Document, node: Node) -> bool:
    node = document.resolve(node)
    parts = (each for keyword in _COMPOSITIONS & node.keys() for each in node[keyword])
    return "properties" in node or any(_describes_properties(document, each) for each in parts)


def _is_checked(_: str) -> bool:
    return True  # by the bounds that stand for the format


def is_instant(text: str) -> bool:
    """Return whether a text is an RFC 3339 date-time within the years 1000 to 9999 in UTC.

    This replaces the check of jsonschema-rs. That one accepts leap seconds, which Python cannot
    represent, and offsets that lead out of those years, which a response cannot represent. The
    last microsecond of 9999 is rejected, too: the database driver reads it as infinity.
    """
    try:
        instant = msgspec.convert(text, _Instant)
        return _BEGIN <= instant.astimezone(UTC) < _END and _INSTANT.fullmatch(text) is not None
    except (msgspec.ValidationError, OverflowError):
        return False


def is_date(text: str) -> bool:
    """Return whether a text is an RFC 3339 full-date from 1000-01-01 to 9999-12-30.

    Those are the days on which instants can be, except the last one, which the database driver
    writes as infinity.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return _BEGIN.date() <= day < date.max and _DATE.fullmatch(text) is not None
