"""Explain why a body violates its schema. Violations are found lazily, one at a time.

A jsonschema-rs validator decides cheaply whether a body is valid. Its list of errors is
expensive: it creates every error before it returns the first one, each with a copy of the value,
for every choice of a `oneOf`. This module therefore splits a schema into its nodes. Each node
checks an object or an array without the content of its members, and then each member.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol, TypeAlias

import jsonschema_rs

from quart_contract.document import ContractError, Document, Node
from quart_contract.keywords import AT_MOST_ONE, MAX_JSON_BYTES, json_bytes
from quart_contract.strict_json import MAX_EXACT, JsonValue
from quart_contract.violations import (
    MAX_VIOLATIONS,
    BodyPath,
    Violation,
    pointer,
    violations_of,
)

_ANYTHING: Node = {}

Compile: TypeAlias = Callable[[Node], jsonschema_rs.Draft202012Validator]


class Explanation(Protocol):
    """Explains the violations of values under one node of a schema."""

    def violations(self, value: JsonValue, path: BodyPath) -> Iterator[Violation]:
        """Yield the violations of the value at `path` in the body."""


class Explanations:
    """The nodes of one schema. Several references to a node share one explanation."""

    def __init__(self, document: Document, compile_: Compile) -> None:
        self.document = document
        self.compile = compile_
        # By the `id` of their schemas. The schemas are kept, too: Python reuses the `id` of an
        # object that was freed.
        self._nodes: dict[int, tuple[Node, Explanation]] = {}

    def of(self, schema: Node) -> Explanation:
        """Return the explanation of a schema. The schema may refer to itself."""
        schema = self.document.resolve(schema)
        if id(schema) not in self._nodes:
            (_OneOf if "discriminator" in schema else _Value)(self, schema)
        return self._nodes[id(schema)][1]

    def add(self, schema: Node, node: Explanation) -> None:
        """Store a node. A node calls this before it reads its members, which may refer to it."""
        self._nodes[id(schema)] = schema, node


class _Value:
    """Explains a value by its own schema, and its members by theirs."""

    def __init__(self, explanations: Explanations, schema: Node) -> None:
        explanations.add(schema, self)
        self._types = _types(schema)
        _check_integer(schema, self._types)
        properties: Node = schema.get("properties", {})
        self._is_closed = schema.get("additionalProperties") is False
        self._max_items: int | None = schema.get("maxItems")
        self._exclusive: list[str] = schema.get(AT_MOST_ONE, [])
        self._max_bytes: int | None = schema.get(MAX_JSON_BYTES)
        elsewhere = {"items", AT_MOST_ONE, MAX_JSON_BYTES}
        own = {name: each for name, each in schema.items() if name not in elsewhere}
        if properties:
            own["properties"] = dict.fromkeys(properties, True)
        self._own = explanations.compile(own)
        self._details = explanations.document.details
        self._members = {name: explanations.of(each) for name, each in properties.items()}
        self._items = explanations.of(schema["items"]) if "items" in schema else None

    def violations(self, value: JsonValue, path: BodyPath) -> Iterator[Violation]:
        """Yield the violations of a value, then those of its members or items."""
        for error in self._own.iter_errors(self._shallow(value)):
            yield from violations_of(error, path, self._details)
        if isinstance(value, dict):
            yield from self._of_object(value, path)
            for name, member in self._members.items():
                if name in value:
                    yield from member.violations(value[name], (*path, name))
        elif isinstance(value, list) and self._items:
            for index, item in enumerate(value[: self._max_items]):
                yield from self._items.violations(item, (*path, index))

    def _of_object(self, value: dict[str, JsonValue], path: BodyPath) -> Iterator[Violation]:
        first, *others = [name for name in self._exclusive if value.get(name) is not None] or [""]
        for name in others:
            yield Violation(
                detail=f"cannot be combined with {first}", pointer=pointer((*path, name))
            )
        if self._max_bytes is not None and json_bytes(value) > self._max_bytes:
            detail = f"has more than {self._max_bytes} bytes as JSON"
            yield Violation(detail=detail, pointer=pointer(path))

    def _shallow(self, value: JsonValue) -> JsonValue:
        """Copy a value without the content of its members.

        Omit unknown properties beyond `MAX_VIOLATIONS` + 1 and items beyond `maxItems` + 1: those
        suffice to find the violations.
        """
        if isinstance(value, dict):
            return self._shallow_object(value) if "object" in self._types else {}
        if isinstance(value, list):
            most = None if self._max_items is None else self._max_items + 1
            return [_empty(each) for each in value[:most]] if "array" in self._types else []
        return value

    def _shallow_object(self, value: dict[str, JsonValue]) -> JsonValue:
        if not self._is_closed:
            return {name: _empty(each) for name, each in value.items()}
        known = {name: _empty(value[name]) for name in self._members if name in value}
        unknown = (name for name in value if name not in self._members)
        return known | dict.fromkeys(islice(unknown, MAX_VIOLATIONS + 1))


class _OneOf:
    """Explains an object by the choice that its discriminator names.

    If the name is absent or unknown, it explains only the violations that all choices share.
    """

    def __init__(self, explanations: Explanations, schema: Node) -> None:
        explanations.add(schema, self)
        self._tag: str = schema["discriminator"]["propertyName"]
        choices = [explanations.document.resolve(each) for each in schema["oneOf"]]
        self._choices = {
            each["properties"][self._tag]["const"]: explanations.of(each) for each in choices
        }
        names = (name for each in choices for name in each["properties"])
        members: Node = dict.fromkeys(names, _ANYTHING)
        closed = all(each.get("additionalProperties") is False for each in choices)
        self._undecided = explanations.of(
            {
                "type": "object",
                "required": [self._tag],
                "properties": {**members, self._tag: {"enum": list(self._choices)}},
                "additionalProperties": not closed,
            }
        )

    def violations(self, value: JsonValue, path: BodyPath) -> Iterator[Violation]:
        """Yield the violations of a value."""
        tag = value.get(self._tag) if isinstance(value, dict) else None
        choice = self._choices.get(tag) if isinstance(tag, str) else None
        return (choice or self._undecided).violations(value, path)


def _empty(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {}
    return [] if isinstance(value, list) else value


def _types(schema: Node) -> set[str]:
    """Return the types that a schema allows.

    Without `type`, only `object` and `array` matter to the caller. A `const` or an `enum`
    without `type` allows neither.
    """
    if "type" not in schema:
        return set() if {"const", "enum"} & schema.keys() else {"object", "array"}
    types = schema["type"]
    return {types} if isinstance(types, str) else set(types)


def _check_integer(schema: Node, types: set[str]) -> None:
    """Raise `ContractError` if a number such as 1e25 would be a valid integer."""
    bounds = schema.get("minimum", -MAX_EXACT - 1), schema.get("maximum", MAX_EXACT + 1)
    if "integer" in types and any(abs(each) > MAX_EXACT for each in bounds):
        raise ContractError("an integer in a body needs a minimum and a maximum within 2^53")
