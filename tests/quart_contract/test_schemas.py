"""Formats and keywords that the engine enforces, and JSON Schema alone does not."""

from typing import Any

import pytest

from quart_contract.document import ContractError, Document
from quart_contract.schemas import compile_schema

EMPTY = Document(b"paths: {}")


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"x-not-blank": True}, ["a", " a\n", "\u200b", "\x1c", 7], ["", " ", "\u2028", "\xa0\n"]),
        ({"x-no-nul": True}, ["", "a\n"], ["\0", "a\0", "\0\n"]),
        ({"x-no-nul": True, "x-not-blank": True, "pattern": "^a"}, ["a"], ["b", "a\0", ""]),
        ({"format": "int32"}, [2**31 - 1, -(2**31), "a"], [2**31, -(2**31) - 1]),
        ({"format": "int64"}, [2**63 - 1, -(2**63)], [2**63]),
        ({"type": ["integer", "null"], "format": "int32"}, [None, 1], ["1", 1.5]),
        (
            {"format": "date"},
            ["1000-01-01", "2028-02-29", "9999-12-30", 7],
            ["0999-12-31", "9999-12-31", "2026-02-29", "20261201", "2026-W01-1", "٢٠٢٦-12-01", ""],
        ),
        ({"x-unique-items": True}, [[], ["a", "A"], ["a", 1], "aa"], [["a", "b", "a"], [1, 1]]),
        (
            {"x-at-most-one": ["a", "b", "c"]},
            [{}, {"a": 1}, {"a": None, "b": 1}, {"a": None, "b": None, "c": None}, {"d": 1}, "ab"],
            [{"a": 1, "b": 1}, {"b": 0, "c": False}, {"a": "", "b": None, "c": {}}],
        ),
        (
            {"x-max-json-bytes": 10},
            [{"a": "12"}, {"a": "é"}, {"a": 1234}, 1234567890, [1, 2, 3, 4]],
            [{"a": "123"}, {"a": "éx"}, {"a": [1, 2]}, [1, 2, 3, 4, 5]],
        ),
    ],
)
def test_keywords_and_formats_are_enforced(
    schema: dict[str, Any], valid: list[object], invalid: list[object]
) -> None:
    nested = {"properties": {"a": {"type": "array", "items": schema}}}
    validator = compile_schema(EMPTY, nested)
    assert [each for each in valid if not validator.is_valid({"a": [each]})] == []
    assert [each for each in invalid if validator.is_valid({"a": [each]})] == []


@pytest.mark.parametrize("value", [False, 1, "true"])
def test_a_keyword_is_true_or_absent(value: object) -> None:
    with pytest.raises(ContractError, match="x-no-nul can only be true"):
        compile_schema(EMPTY, {"type": "string", "x-no-nul": value})
