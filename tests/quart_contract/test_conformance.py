"""The app does not start if the types of a handler differ from the contract."""

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import NODEFAULT

from quart_contract.binding import ContractDriftError
from quart_contract.document import ContractError
from tests.quart_contract.sample import bound, changed, with_key

TEXT = {"type": "string"}
EMPTY = {"allowEmptyValue": True}
SIZE = {"type": ["integer", "null"], "minimum": 0, "maximum": 9, "default": None}
SCHEMAS: dict[str, Any] = {
    "Part": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": TEXT, "size": SIZE},
    },
    "Input": {
        "type": "object",
        "required": ["kind", "part", "steps"],
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "part": {"$ref": "#/components/schemas/Part"},
            "made_at": {"type": "string", "format": "date-time"},
            "steps": {"type": "array", "items": {"$ref": "#/components/schemas/Step"}},
        },
    },
    "Step": {
        "oneOf": [
            {"$ref": "#/components/schemas/Go"},
            {"$ref": "#/components/schemas/Stop"},
        ],
        "discriminator": {"propertyName": "op"},
    },
    "Go": {
        "type": "object",
        "required": ["op", "far"],
        "properties": {"op": {"const": "go"}, "far": {"type": "number"}},
    },
    "Stop": {"type": "object", "required": ["op"], "properties": {"op": {"const": "stop"}}},
    "Output": {
        "type": "object",
        "required": ["name", "part"],
        "properties": {
            "name": TEXT,
            "note": {"type": ["string", "null"]},
            "part": {"oneOf": [{"$ref": "#/components/schemas/Part"}, {"type": "null"}]},
        },
    },
}


def content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _tree(tree: dict[str, Any]) -> None:
    tree["components"]["schemas"].update(copy.deepcopy(SCHEMAS))
    tree["paths"]["/open"]["put"].update(
        requestBody={"required": True, "content": content("Input")},
        responses={
            "200": {"description": "Open.", "content": content("Output")},
            "304": {"description": "Open already."},
        },
    )


class Part(msgspec.Struct):
    name: str
    size: int | None = None


class Go(msgspec.Struct, tag_field="op", tag="go"):
    far: float


class Stop(msgspec.Struct, tag_field="op", tag="stop"):
    pass


class Input(msgspec.Struct):
    kind: Literal["a", "b"]
    part: Part
    steps: list[Go | Stop]
    made_at: datetime | None = None


class Output(msgspec.Struct):
    name: str
    note: str | None
    part: Part | None


NOT_MODIFIED = tuple[None, Literal[304]]
Ok = Output | NOT_MODIFIED


def start(
    body: Any = Input,  # noqa: ANN401 - an annotation
    result: Any = Ok,  # noqa: ANN401 - an annotation
    change: Callable[[dict[str, Any]], object] = lambda _: None,
) -> None:
    async def open_up(body: Any) -> Any:  # noqa: ANN401 - see below
        return body

    open_up.__annotations__ = {"body": body, "return": result}

    def both(tree: dict[str, Any]) -> None:
        _tree(tree)
        change(tree)

    bound(changed(both), open_up=open_up)


def struct(base: type[msgspec.Struct], **fields: Any) -> type[msgspec.Struct]:  # noqa: ANN401
    """Return a copy of a struct with some fields changed. A field that is `GONE` is removed."""
    hints = {each.name: (each.type, each.default) for each in msgspec.structs.fields(base)}
    hints |= {name: (hint, hints.get(name, (None, NODEFAULT))[1]) for name, hint in fields.items()}
    members = [
        (name, hint) if default is NODEFAULT else (name, hint, default)
        for name, (hint, default) in hints.items()
        if hint is not GONE
    ]
    config = base.__struct_config__
    return msgspec.defstruct(
        base.__name__, members, tag_field=config.tag_field, tag=config.tag, kw_only=True
    )


class GONE:
    """A placeholder for a field that is missing."""


DRIFTS: dict[str, tuple[dict[str, Any], str]] = {
    "a body without a property": (
        {"body": struct(Input, part=GONE)},
        "body: Input lacks part",
    ),
    "a body with a property more": (
        {"body": struct(Input, color=str)},
        "body: Input has color, which the contract does not have",
    ),
    "a nested struct without a property": (
        {"body": struct(Input, part=struct(Part, name=GONE))},
        "body/part: Part lacks name",
    ),
    "a struct in a list of a union with a property more": (
        {"body": struct(Input, steps=list[struct(Go, color=str) | Stop])},  # type: ignore[misc]
        "body/steps/*<go>: Go has color",
    ),
    "a union that lacks a choice": (
        {"body": struct(Input, steps=list[Go])},
        "body/steps/* has no struct for op stop",
    ),
    "a union with a choice more": (
        {
            "body": struct(
                Input,
                steps=list[Go | Stop | msgspec.defstruct("Turn", [], tag_field="op", tag="turn")],  # type: ignore[misc]
            )
        },
        "body/steps/* has a struct for op turn",
    ),
    "a property that can be absent, without a default": (
        {"body": struct(struct(Input, made_at=GONE), made_at=datetime)},
        "body/made_at can be absent, and Input has no default",
    ),
    "a property that can be null": (
        {"body": struct(Input, part=struct(Part, size=int))},
        "body/part/size can be null, and its type does not allow None",
    ),
    "a property of another type": (
        {"body": struct(Input, part=struct(Part, name=int))},
        "body/part/name is int, and the contract has string",
    ),
    "a value that the type lacks": (
        {"body": struct(Input, kind=Literal["a"])},
        "body/kind lacks the value b",
    ),
    "a format that the type needs": (
        {"body": struct(Input, part=struct(Part, name=UUID))},
        "body/part/name is UUID, and the contract does not have the format uuid",
    ),
    "a list where the contract has none": (
        {"body": struct(Input, part=struct(Part, name=list[str]))},
        "body/part/name is a list",
    ),
    "a response without a property": (
        {"result": struct(Output, note=GONE) | NOT_MODIFIED},
        "200: Output lacks note",
    ),
    "a response with a property more": (
        {"result": struct(Output, color=str) | NOT_MODIFIED},
        "200: Output has color, which the contract does not have",
    ),
    "a response that can be None where null is not allowed": (
        {"result": struct(Output, name=str | None) | NOT_MODIFIED},
        "200/name can be None, and the contract does not allow null",
    ),
    "a response that can lack a property": (
        {"result": struct(Output, name=str | msgspec.UnsetType) | NOT_MODIFIED},
        "200/name is required, and can be unset",
    ),
    "a status that the contract does not have": (
        {"result": Ok | tuple[Output, Literal[299], Mapping[str, str]]},
        "it returns the status 299, which the contract does not have",
    ),
    "a status that is never returned": ({"result": Output}, "it never returns the status 304"),
    "a status that is any integer": (
        {"result": Ok | tuple[Output, int]},
        "does not say which statuses it has",
    ),
    "a return type that says nothing": ({"result": Any}, "does not say which statuses it has"),
    "a body where the contract has none": (
        {"result": Output | tuple[Output, Literal[304]]},
        "it returns Output with 304, where the contract has no body",
    ),
    "no body where the contract has one": (
        {"result": Ok | tuple[None, Literal[200]]},
        "it returns NoneType with 200, where the contract has one",
    ),
}


def test_types_that_fit_are_bound() -> None:
    start()


@pytest.mark.parametrize("name", DRIFTS)
def test_types_that_do_not_fit_are_drift(name: str) -> None:
    types, message = DRIFTS[name]
    with pytest.raises(ContractDriftError) as raised:
        start(**types)
    assert [line for line in str(raised.value).splitlines() if message in line], raised.value
    assert len(str(raised.value).splitlines()) == 1


def test_a_code_that_the_contract_lacks_is_drift() -> None:
    def lose(tree: dict[str, Any]) -> None:
        schema = tree["components"]["schemas"]["ProblemCode"]
        for code in ("missing_key", "malformed_json"):
            del schema["x-problems"][code]
            schema["enum"].remove(code)

    with pytest.raises(ContractDriftError) as raised:
        start(change=lose)
    assert str(raised.value).splitlines() == [
        "problem code malformed_json: the engine uses it, and the contract does not have it",
        "problem code missing_key: the service uses it, and the contract does not have it",
    ]


async def _optional(user_id: str, id: UUID, if_match: str) -> tuple[None, Literal[204]]:
    raise AssertionError(user_id, id, if_match)


async def _wrong_id(user_id: str, id: int, if_match: str | None) -> tuple[None, Literal[204]]:
    raise AssertionError(user_id, id, if_match)


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (_optional, "if_match can be absent, and its type does not allow None"),
        (_wrong_id, "id is int, and the contract has string"),
    ],
)
def test_a_parameter_of_another_type_is_drift(handler: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ContractDriftError, match=message):
        bound(changed(lambda _: None), get_thing=with_key(handler))


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"schema": {"type": "object"}}, "must have one scalar type"),
        ({"schema": {"type": ["integer", "string"]}}, "must have one scalar type"),
        ({"schema": {"oneOf": [TEXT, TEXT]}}, "must have one scalar type"),
        ({"schema": {"type": "array", "items": {"type": "array"}}}, "an array of arrays"),
        ({"schema": TEXT, "style": "deepObject"}, "the style deepObject is not supported"),
        ({"schema": {"type": "array"}, "in": "header"}, "an array is supported in a query only"),
        ({"schema": TEXT, **EMPTY, "in": "header"}, "allowEmptyValue is supported in an optional"),
        ({"schema": TEXT, **EMPTY, "required": True}, "allowEmptyValue is supported in"),
        ({"schema": {"type": ["string", "null"]}, **EMPTY}, "allowEmptyValue is supported in"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused(
    parameter: dict[str, Any], message: str
) -> None:
    def add(tree: dict[str, Any]) -> None:
        parameters = [{"name": "x", "in": "query", **parameter}]
        tree["paths"]["/open"]["put"]["parameters"] = parameters

    with pytest.raises(ContractError, match=message):
        bound(changed(add))
