"""Compare the types of handlers with the schemas of the contract, when the app starts.

In a request, the type must accept every value that the schema allows. In a response, the schema
must allow every value of the type.
"""

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, Union
from uuid import UUID

import msgspec

from quart_contract.document import Document, Node
from quart_contract.operations import JSON, Operation

_NAMES: Mapping[Any, str] = {
    str: "string",
    UUID: "string",
    datetime: "string",
    date: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
}
_FORMATS: Mapping[Any, str] = {UUID: "uuid", datetime: "date-time", date: "date"}


class Direction(StrEnum):
    """The direction of a value: from a schema to a type (request), or back (response)."""

    REQUEST = "request"
    RESPONSE = "response"


def handler_differences(
    document: Document, operation: Operation, handler: Callable[..., Any]
) -> Iterator[str]:
    """Yield a line for each difference between a handler's annotations and its operation."""
    hints = typing.get_type_hints(handler)
    for parameter in operation.parameters:
        schema, hint = document.resolve(parameter.schema), hints.get(parameter.argument, Any)
        is_absent = not parameter.required and parameter.default is None
        if is_absent and not _allows_none(hint):
            yield f"{parameter.argument} can be absent, and its type does not allow None"
        check = _Comparison(document, Direction.REQUEST)
        yield from check.differences(schema, _without(hint, type(None)), parameter.argument)
    if operation.body:
        check = _Comparison(document, Direction.REQUEST, operation.body.defaults)
        yield from check.differences(operation.body.schema, hints.get("body", Any), "body")
    yield from _result_differences(document, operation, hints.get("return"))


def _result_differences(document: Document, operation: Operation, hint: Any) -> Iterator[str]:  # noqa: ANN401 - an annotation
    returned, is_known = set[int](), True
    for alternative in _alternatives(hint):
        body, status = _body_and_status(alternative)
        for each in status:
            returned.add(each)
            yield from _response_differences(document, operation, each, body)
        if not status:
            is_known = False
            yield f"its return type {_name(alternative)} does not say which statuses it has"
    for code in operation.responses:
        if is_known and code.isdecimal() and code[0] in "123" and int(code) not in returned:
            yield f"it never returns the status {code}"


def _response_differences(
    document: Document,
    operation: Operation,
    status: int,
    body: Any,  # noqa: ANN401
) -> Iterator[str]:
    response = operation.responses.get(str(status))
    if response is None:
        yield f"it returns the status {status}, which the contract does not have"
        return
    schema = response.get("content", {}).get(JSON, {}).get("schema")
    if (schema is None) != (body is type(None)):
        yield f"it returns {_name(body)} with {status}, where the contract has " + (
            "no body" if schema is None else "one"
        )
    elif schema is not None:
        check = _Comparison(document, Direction.RESPONSE)
        yield from check.differences(schema, body, f"{status}")


def _body_and_status(hint: Any) -> tuple[Any, tuple[int, ...]]:  # noqa: ANN401 - an annotation
    if typing.get_origin(hint) is tuple:
        body, status, *_ = typing.get_args(hint)
        is_literal = typing.get_origin(status) is Literal
        # get_args returns None, not NoneType, for `tuple[None, ...]`.
        body = type(None) if body is None else body
        return body, typing.get_args(status) if is_literal else ()
    is_struct = isinstance(hint, type) and issubclass(hint, msgspec.Struct)
    return hint, (200,) if is_struct else ()


class _Comparison:
    def __init__(
        self, document: Document, direction: Direction, defaults: Mapping[str, Any] | None = None
    ) -> None:
        self._document = document
        self._direction = direction
        self._defaults = defaults or {}
        self._seen: set[tuple[int, Any]] = set()  # pairs that were compared: schemas can recurse

    def differences(self, schema: Node, hint: Any, place: str) -> Iterator[str]:  # noqa: ANN401
        """Yield a line for each difference at or below a place."""
        schema, nullable = self._document.without_null(schema)
        # Raw JSON is written as it is: no type says what it contains.
        if hint in (Any, msgspec.Raw) or (id(schema), hint) in self._seen:
            return
        self._seen.add((id(schema), hint))
        allows_none, hint = _allows_none(hint), _without(hint, type(None))
        if self._direction is Direction.REQUEST and nullable and not allows_none:
            yield f"{place} can be null, and its type does not allow None"
        if self._direction is Direction.RESPONSE and allows_none and not nullable:
            yield f"{place} can be None, and the contract does not allow null"
        choices = [each for each in _alternatives(hint) if _is_struct(each)]
        if "oneOf" in schema:
            yield from self._union(schema, choices, place)
        elif len(choices) == 1:
            yield from self._struct(schema, choices[0], place)
        elif typing.get_origin(hint) in (list, tuple, frozenset, set):
            yield from self._list(schema, typing.get_args(hint)[0], place)
        else:
            yield from self._scalar(schema, hint, place)

    def _union(self, schema: Node, choices: list[type], place: str) -> Iterator[str]:
        by_tag = {each.__struct_config__.tag: each for each in choices}  # type: ignore[attr-defined]
        tag = schema.get("discriminator", {}).get("propertyName")
        for each in map(self._document.resolve, schema["oneOf"]):
            name = each.get("properties", {}).get(tag, {}).get("const")
            if name in by_tag:
                yield from self._struct(each, by_tag.pop(name), f"{place}<{name}>")
            else:
                yield f"{place} has no struct for {tag} {name}"
        for name in by_tag:
            yield f"{place} has a struct for {tag} {name}, which the contract does not have"

    def _struct(self, schema: Node, struct: type, place: str) -> Iterator[str]:
        config = struct.__struct_config__  # type: ignore[attr-defined]
        properties: Node = schema.get("properties", {})
        hints, required = typing.get_type_hints(struct), schema.get("required", [])
        fields = {each.encode_name: each for each in msgspec.structs.fields(struct)}
        for name in properties.keys() - fields.keys() - {config.tag_field}:
            yield f"{place}: {struct.__name__} lacks {name}"
        for name in fields.keys() - properties.keys():
            yield f"{place}: {struct.__name__} has {name}, which the contract does not have"
        for name, field in fields.items():
            if name not in properties:
                continue
            inside, hint = f"{place}/{name}", hints[field.name]
            if self._direction is Direction.REQUEST:
                if field.required and name not in required and name not in self._defaults:
                    yield f"{inside} can be absent, and {struct.__name__} has no default"
            elif name in required and msgspec.UnsetType in _alternatives(hint):
                yield f"{inside} is required, and can be unset"
            yield from self.differences(properties[name], _without(hint, msgspec.UnsetType), inside)

    def _list(self, schema: Node, item: Any, place: str) -> Iterator[str]:  # noqa: ANN401
        if "array" not in _types_of(schema):
            yield f"{place} is a list, and the contract has {_types_of(schema)}"
        else:
            yield from self.differences(schema.get("items", {}), item, f"{place}/*")

    def _scalar(self, schema: Node, hint: Any, place: str) -> Iterator[str]:  # noqa: ANN401
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if typing.get_origin(hint) is Literal:
            yield from self._literal(values, typing.get_args(hint), place)
            return
        allowed, ours = _types_of(schema), {_type_name(each) for each in _alternatives(hint)}
        is_request = self._direction is Direction.REQUEST
        source, target = (allowed, ours) if is_request else (ours, allowed)
        if allowed and not source <= target | ({"integer"} if "number" in target else set()):
            yield f"{place} is {_name(hint)}, and the contract has {' or '.join(sorted(allowed))}"
        needed = _FORMATS.get(hint)
        if is_request and needed and schema.get("format") != needed:
            yield f"{place} is {_name(hint)}, and the contract does not have the format {needed}"

    def _literal(
        self, values: list[object] | None, ours: tuple[object, ...], place: str
    ) -> Iterator[str]:
        if values is None:
            if self._direction is Direction.REQUEST:
                yield f"{place} is one of {ours}, and the contract allows other values"
            return
        source, target = (values, ours) if self._direction is Direction.REQUEST else (ours, values)
        for value in source:
            if value not in target:
                yield (
                    f"{place} lacks the value {value}"
                    if source is values
                    else (f"{place} has the value {value}, which the contract does not have")
                )


def _types_of(schema: Node) -> set[str]:
    kind = schema.get("type", [])
    return ({kind} if isinstance(kind, str) else set(kind)) - {"null"}


def _type_name(hint: Any) -> str:  # noqa: ANN401 - an annotation
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object"
    return _NAMES.get(origin, _name(hint))


def _alternatives(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    origin = typing.get_origin(hint)
    return typing.get_args(hint) if origin in (Union, types.UnionType) else (hint,)


def _allows_none(hint: Any) -> bool:  # noqa: ANN401 - an annotation
    return hint is Any or type(None) in _alternatives(hint)


def _without(hint: Any, *left_out: Any) -> Any:  # noqa: ANN401 - an annotation
    kept = tuple(each for each in _alternatives(hint) if each not in left_out)
    return Union[kept] if kept else hint  # noqa: UP007 - made at run time


def _is_struct(hint: Any) -> bool:  # noqa: ANN401 - an annotation
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _name(hint: Any) -> str:  # noqa: ANN401 - an annotation
    return hint.__name__ if isinstance(hint, type) else str(hint)
