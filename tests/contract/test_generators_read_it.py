"""The contract has no construct that a generator of clients is known to misread.

`tests/clients` generates clients, compiles and runs them. These rules also keep out what breaks
generators that cannot run here, such as those for C#, Swift, Dart and PHP.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.openapi import read
from quart_contract.document import Document
from tests.contract.test_examples import nodes

CONTRACT = read()
# What regular expressions of ECMAScript, Python, PCRE, RE2, Java, Kotlin and .NET have in common:
# printable ASCII, no groups beginning with (?, and a backslash only before punctuation, \t or \n.
COMMON = re.compile(r"\^(?:[^\\]|\\[^\w\s]|\\[tn])*\$", re.ASCII)

Tree = dict[str, Any]
Schema = tuple[str, dict[str, Any]]


def schemas(document: Document) -> Iterator[Schema]:
    """Yield each schema with its place, also those within other schemas."""
    for path, node in nodes(document.tree):
        if re.search(
            r"(/schema|/schemas/\w+|/properties/[^/]+|/items|/(one|any|all)Of/\d+)$", path
        ):
            yield path, node


def used(document: Document, *parts: object) -> set[str]:
    """Return the names of the schemas that some parts of the contract refer to."""
    found = set[str]()
    for part in parts:
        found |= document.schema({"properties": part})["components"]["schemas"].keys()
    return found


def bodies(document: Document, *, of_requests: bool) -> list[object]:
    """Return the contents of all requests, or of all responses."""
    found = []
    for path, node in nodes(document.tree):
        is_request = path.rpartition("/")[2] == "requestBody" or "/requestBodies/" in path
        if "content" in node and is_request == of_requests:
            found.append(node["content"])
    return found


def misread(document: Document) -> list[str]:
    """Return a line for each construct that a generator misreads."""
    return [
        *(f"{path} {fault}" for path, schema in schemas(document) for fault in _faults(schema)),
        *_wrongly_closed(document),
    ]


def _faults(schema: dict[str, Any]) -> Iterator[str]:
    kinds = schema.get("type", [])
    if "pattern" in schema:
        if "format" in schema:
            yield "has a pattern beside a format"
        pattern = schema["pattern"]
        if not (pattern.isascii() and pattern.isprintable() and COMMON.fullmatch(pattern)):
            yield "has a pattern that dialects read differently"
        if "(?" in pattern:
            yield "has a group that not every dialect has"
    if "const" in schema and schema.get("enum") != [schema["const"]]:
        yield "has const without the same enum"
    if "x-enum-varnames" in schema and "default" in schema:
        yield "has a default whose name Kotlin does not find"
    if {"integer", "number"} & ({kinds} if isinstance(kinds, str) else {*kinds}) and (
        schema.get("format") not in ("int32", "int64", "float", "double")
    ):
        yield "has a number without a format"
    for keyword in {"oneOf", "anyOf", "allOf", "not", "if", "patternProperties"} & schema.keys():
        choices = schema[keyword]
        is_nullable = len(choices) == 2 and {"type": "null"} in choices
        if keyword != "oneOf" or not (is_nullable or "discriminator" in schema):
            yield f"has {keyword}, which is neither nullable nor discriminated"


def _wrongly_closed(document: Document) -> Iterator[str]:
    parts = document.tree["components"]["schemas"]
    requests = used(document, *bodies(document, of_requests=True))
    responses = used(document, *bodies(document, of_requests=False))
    for name, schema in parts.items():
        is_closed = schema.get("additionalProperties") is False
        # One without properties, which says so, is a map of anything.
        is_map = schema.get("additionalProperties") is True and "properties" not in schema
        is_object = schema.get("type") == "object"
        if is_object and name in requests and not (is_closed or is_map):
            yield f"{name} is of a request, and open"
        if name in responses and is_closed:
            yield f"{name} is of a response, and closed"


def test_the_contract_has_nothing_that_generators_misread() -> None:
    assert misread(CONTRACT) == []


def _schemas(tree: Tree) -> Tree:
    found: Tree = tree["components"]["schemas"]
    return found


PLANTED: dict[str, tuple[Callable[[Tree], object], str]] = {
    "a pattern beside a format": (
        lambda tree: _schemas(tree)["Instant"].update(pattern="^.*Z$"),
        "#/components/schemas/Instant has a pattern beside a format",
    ),
    "a pattern with an escape": (
        lambda tree: _schemas(tree)["Title"].update(pattern=r"^[^\u2028]*$"),
        "#/components/schemas/Title has a pattern that dialects read differently",
    ),
    "a pattern without anchors": (
        lambda tree: _schemas(tree)["Title"].update(pattern="a"),
        "#/components/schemas/Title has a pattern that dialects read differently",
    ),
    "a pattern beyond ASCII": (
        lambda tree: _schemas(tree)["Title"].update(pattern="^é$"),
        "#/components/schemas/Title has a pattern that dialects read differently",
    ),
    "a pattern that looks ahead": (
        lambda tree: _schemas(tree)["Title"].update(pattern="^(?=a)a$"),
        "#/components/schemas/Title has a group that not every dialect has",
    ),
    "const alone": (
        lambda tree: _schemas(tree)["Liveness"]["properties"]["status"].pop("enum"),
        "#/components/schemas/Liveness/properties/status has const without the same enum",
    ),
    "a default beside names": (
        lambda tree: _schemas(tree)["TaskSort"].update(default="due_at"),
        "#/components/schemas/TaskSort has a default whose name Kotlin does not find",
    ),
    "an integer without a format": (
        lambda tree: _schemas(tree)["Me"]["properties"]["revision"].pop("format"),
        "#/components/schemas/Me/properties/revision has a number without a format",
    ),
    "an integer of a parameter": (
        lambda tree: tree["components"]["parameters"]["Limit"]["schema"].pop("format"),
        "#/components/parameters/Limit/schema has a number without a format",
    ),
    "required properties as choices": (
        lambda tree: _schemas(tree)["Fault"].update(
            oneOf=[{"required": ["pointer"]}, {"required": ["header"]}]
        ),
        "#/components/schemas/Fault has oneOf, which is neither nullable nor discriminated",
    ),
    "an open request": (
        lambda tree: _schemas(tree)["TaskPatch"].pop("additionalProperties"),
        "TaskPatch is of a request, and open",
    ),
    "a closed response": (
        lambda tree: _schemas(tree)["Change"].update(additionalProperties=False),
        "Change is of a response, and closed",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_construct_that_generators_misread_is_found(name: str) -> None:
    change, expected = PLANTED[name]
    tree = copy.deepcopy(dict(CONTRACT.tree))
    change(tree)
    planted = Document(b"")
    planted.__dict__["tree"] = tree
    assert expected in misread(planted)
