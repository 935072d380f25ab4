"""Explanations of invalid bodies, for schemas that Taskward's contract does not have today."""

import json
from functools import partial
from typing import Any

import pytest

from quart_contract.document import ContractError, Document
from quart_contract.explanations import Explanations
from quart_contract.operations import Body
from quart_contract.schemas import compile_schema
from quart_contract.strict_json import JsonValue
from quart_contract.validation import BodyValidator

LABELS = {"type": "array", "maxItems": 2, "uniqueItems": True, "items": {"type": "string"}}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"below": {"$ref": "#/components/schemas/Tree"}, "name": {"type": "string"}},
    "additionalProperties": False,
}
CONTRACT = Document(
    b'{"paths": {}, "components": {"schemas": {"Tree": %s}}}' % json.dumps(TREE).encode()
)


def violations(schema: dict[str, Any], body: JsonValue) -> list[tuple[str | None, str]]:
    check = BodyValidator(CONTRACT, Body(True, ("application/json",), schema, {}))
    return [(violation.pointer, violation.detail) for violation in check.violations(body)]


def test_a_schema_may_refer_to_itself() -> None:
    tree = CONTRACT.tree["components"]["schemas"]["Tree"]
    assert violations(tree, {"below": {"below": {"name": 7, "x": 0}}}) == [
        ("/below/below/x", "is an unknown property"),
        ("/below/below/name", "is not a string"),
    ]


def test_the_items_of_an_array_are_checked_up_to_its_limit() -> None:
    assert violations(LABELS, ["a", 1, 2, 3]) == [
        ("", "has more than 2 items"),
        ("/1", "is not a string"),
    ]
    assert violations(LABELS, ["a", "a"]) == [("", "has equal items")]


def test_what_is_in_an_open_object_is_free() -> None:
    schema = {"type": "object", "properties": {"extra": {"type": "object", "maxProperties": 1}}}
    assert violations(schema, {"extra": {"a": [{"b": 1e25}]}, "x": []}) == []
    assert violations(schema, {"extra": {"a": [], "b": {}}}) == [
        ("/extra", "has more than 1 properties")
    ]
    assert violations(schema, {"extra": [0]}) == [("/extra", "is not an object")]


def test_the_engines_own_keywords_are_explained() -> None:
    names = {"type": "object", "x-at-most-one": ["a", "b", "c"]}
    assert violations(names, {"a": 1, "b": None, "c": [1]}) == [("/c", "cannot be combined with a")]
    small = {"type": "object", "properties": {"x": {"type": "object", "x-max-json-bytes": 9}}}
    assert violations(small, {"x": {"a": [1, 2]}}) == [("/x", "has more than 9 bytes as JSON")]
    assert violations(small, {"x": []}) == [("/x", "is not an object")]
    unique = {"type": "array", "x-unique-items": True, "items": {"type": "string"}}
    assert violations(unique, ["a", "b", "a"]) == [("", "has equal items")]


def test_what_cannot_be_explained_is_refused_all_the_same() -> None:
    schema = {"type": "object", "not": {"properties": {"a": {"contains": {"const": 1}}}}}
    assert violations(schema, {"a": [1]}) == [("", "does not match the contract")]


@pytest.mark.parametrize("bounds", [{}, {"minimum": 1}, {"minimum": 1, "maximum": 2**60}])
def test_an_integer_that_no_integer_can_hold_is_refused_at_start(bounds: dict[str, int]) -> None:
    explanations = Explanations(CONTRACT, partial(compile_schema, CONTRACT))
    with pytest.raises(ContractError, match="an integer in a body needs"):
        explanations.of({"properties": {"size": {"type": "integer", **bounds}}})
