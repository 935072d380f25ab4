"""The contract without references."""

import json
from typing import Any

from quart_contract.bundling import bundled
from quart_contract.document import Document

TREE: dict[str, Any] = {
    "paths": {
        "/things": {
            "parameters": [{"$ref": "#/components/parameters/Size"}],
            "post": {"requestBody": {"$ref": "#/components/requestBodies/Thing"}},
        }
    },
    "components": {
        "parameters": {"Size": {"name": "size", "in": "query", "schema": {"type": "integer"}}},
        "requestBodies": {
            "Thing": {"content": {"a~b/c": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
        },
        "schemas": {
            "Thing": {
                "type": "object",
                "description": "A thing.",
                "discriminator": {"propertyName": "discriminator"},
                "properties": {
                    "discriminator": {"$ref": "#/components/schemas/Kind", "description": "Own."},
                    "$ref": {"type": "boolean"},
                    "inner": {"$ref": "#/components/schemas/Thing"},
                },
            },
            "Kind": {"title": "A kind", "description": "A kind.", "const": "x"},
        },
    },
}
DOCUMENT = Document(json.dumps(TREE).encode())


def test_the_target_takes_the_place_of_each_reference() -> None:
    tree = bundled(DOCUMENT)
    things = tree["paths"]["/things"]
    assert things["parameters"] == [TREE["components"]["parameters"]["Size"]]
    thing = things["post"]["requestBody"]["content"]["a~b/c"]["schema"]
    assert thing["title"] == "Thing"
    assert "discriminator" not in thing
    kind = {"title": "A kind", "description": "Own.", "const": "x"}
    assert thing["properties"]["discriminator"] == kind
    assert thing["properties"]["$ref"] == {"type": "boolean"}
    assert tree["components"].keys() == {"schemas"}


def test_a_schema_within_itself_stays_a_reference() -> None:
    tree = bundled(DOCUMENT)
    thing = tree["paths"]["/things"]["post"]["requestBody"]["content"]["a~b/c"]["schema"]
    assert thing["properties"]["inner"] == {"$ref": "#/components/schemas/Thing"}
    assert tree["components"]["schemas"]["Thing"]["description"] == "A thing."


def test_the_same_contract_is_bundled_to_the_same_bytes() -> None:
    assert json.dumps(bundled(DOCUMENT)) == json.dumps(bundled(Document(DOCUMENT.raw)))
