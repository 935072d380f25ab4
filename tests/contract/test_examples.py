"""Every example in the contract is valid, and every schema and property has a description."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from app.openapi import read
from quart_contract.document import Document
from tests.support.conformance import closed

CONTRACT = read()


def nodes(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    if isinstance(node, dict):
        yield path, node
        for key, child in node.items():
            yield from nodes(child, f"{path}/{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from nodes(child, f"{path}/{index}")


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield each example with its place and its schema."""
    for path, node in nodes(CONTRACT.tree):
        if "schema" in node:
            if "example" in node:
                yield path, node["schema"], node["example"]
            for name, example in node.get("examples", {}).items():
                value = CONTRACT.resolve(example)["value"]
                yield f"{path}/examples/{name}", node["schema"], value
        if isinstance(node.get("examples"), list):
            for example in node["examples"]:
                yield path, node, example


EXAMPLES = list(examples())


@pytest.mark.parametrize(
    ("schema", "example"), [each[1:] for each in EXAMPLES], ids=[each[0] for each in EXAMPLES]
)
def test_an_example_is_valid(schema: dict[str, Any], example: object) -> None:
    whole = closed(CONTRACT.schema(schema))
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    validator.validate(example)


def test_every_part_of_the_contract_has_a_description(
    contract: Document,
) -> None:
    components = contract.tree["components"]
    operations = [node for _, node in nodes(contract.tree["paths"]) if "responses" in node]
    described = [
        *operations,
        *(node for operation in operations for node in operation["responses"].values()),
        *(
            node
            for kind in ("parameters", "headers", "responses", "requestBodies", "schemas")
            for node in components[kind].values()
        ),
        *(
            member
            for schema in components["schemas"].values()
            for member in schema.get("properties", {}).values()
        ),
    ]
    for node in described:
        assert contract.resolve(node).get("description"), node
    assert all(operation["summary"] for operation in operations)


def test_every_property_and_response_body_has_an_example(contract: Document) -> None:
    components = contract.tree["components"]
    for name, schema in components["schemas"].items():
        for member, node in schema.get("properties", {}).items():
            resolved = contract.resolve(node)
            has_own = resolved.keys() & {"examples", "items", "properties"}
            assert has_own, f"{name}.{member}"
    for _, node in nodes(contract.tree):
        for content in node.get("content", {}).values() if "content" in node else ():
            assert content.keys() & {"example", "examples"}, content
