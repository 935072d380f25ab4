"""Keywords of the engine's own, for what JSON Schema does not say, or not to every client.

The dialects of regular expressions differ in which characters are white space, in how U+2028 is
written, and in whether a pattern may contain U+0000. Generators of clients do not read `not`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec


class Keyword(NamedTuple):
    """A keyword of string schemas. Its value is true."""

    pattern: str
    """The pattern that means the same to jsonschema-rs."""
    detail: str
    """The error detail for a text that violates the keyword."""


WHITE_SPACE = r"\u0009-\u000D\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
"""The characters with Unicode's property White_Space, as the content of a character class."""

KEYWORDS: Mapping[str, Keyword] = {
    "x-not-blank": Keyword(f"[^{WHITE_SPACE}]", "is blank"),
    "x-no-nul": Keyword(r"^[^\u0000]*$", "contains U+0000"),
}

UNIQUE_ITEMS = "x-unique-items"
"""A keyword of arrays of scalars: no two items are equal. Its value is true.

JSON Schema's `uniqueItems` makes some generators read a list as a set, which has no order.
"""
AT_MOST_ONE = "x-at-most-one"
"""A keyword of object schemas: of the properties that it names, only one can have a value.

Absent and null count as no value.
"""
MAX_JSON_BYTES = "x-max-json-bytes"
"""A keyword of object schemas: the most bytes of a value, as JSON in UTF-8 without white space."""


def at_most_one(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the schemas, in JSON Schema's own keywords, that say what `x-at-most-one` says."""
    has_value = {"not": {"type": "null"}}
    pairs = [(one, other) for index, one in enumerate(names) for other in names[index + 1 :]]
    both = {"type": "object"}
    return [
        {"not": both | {"required": list(pair), "properties": dict.fromkeys(pair, has_value)}}
        for pair in pairs
    ]


class MaxJsonBytes:
    """The validator of `x-max-json-bytes` for jsonschema-rs."""

    def __init__(self, _schema: object, most: int, _path: object) -> None:
        self._most = most

    def validate(self, value: Any) -> None:  # noqa: ANN401 - any JSON
        """Raise `ValueError` for a value that is too large."""
        if json_bytes(value) > self._most:
            raise ValueError


def json_bytes(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Return the size of a value as JSON in UTF-8 without white space."""
    return len(msgspec.json.encode(value))
