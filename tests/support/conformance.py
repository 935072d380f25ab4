"""Check responses against the contract: status, headers, media type and body.

This is independent of the code in `quart_contract` that checks requests, so that it does not
repeat a mistake of that code.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
import jsonschema_rs
import yaml

from app.openapi import read

Node = Mapping[str, Any]

PLACES = {"pointer", "parameter", "header"}
EVERYWHERE = ("X-Request-Id", "X-Content-Type-Options", "Cache-Control")
PAGES = re.compile(r"/|/docs.*|/problems.*|/openapi\.(yaml|json|bundled\.json)")


def closed(node: Any) -> Any:  # noqa: ANN401 - a part of a schema
    """Return a copy of a schema in which objects have only the properties that it describes.

    Clients have to ignore unknown properties of responses, but the server must send none.
    """
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    copy = {name: closed(each) for name, each in node.items()}
    return {"additionalProperties": False, **copy} if "properties" in copy else copy


class Conformance:
    """Checks responses against the contract."""

    def __init__(self, raw: bytes) -> None:
        self.tree: Node = closed(yaml.safe_load(raw))
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._templates = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): item
            for path, item in self.tree["paths"].items()
        }

    def check(self, response: httpx.Response) -> None:
        """Raise `AssertionError` if the contract does not allow a response."""
        path = response.request.url.raw_path.decode().partition("?")[0]
        if PAGES.fullmatch(path):
            return
        operation = self._operation(response.request.method, path)
        if operation is None:
            self._check_unrouted(response)
            return
        key = (operation["operationId"], response.status_code)
        documented = operation["responses"].get(str(response.status_code))
        assert documented, f"{key} is not in the contract: {response.text}"
        self._check_documented(self._resolve(documented), response)

    def _operation(self, method: str, path: str) -> Node | None:
        method = "get" if method == "HEAD" else method.lower()
        for template, item in self._templates.items():
            if template.fullmatch(path):
                operation: Node | None = item.get(method)
                return operation
        return None

    def _check_documented(self, documented: Node, response: httpx.Response) -> None:
        for name, node in documented.get("headers", {}).items():
            header = self._resolve(node)
            if name in response.headers:
                self._validate(header["schema"], _typed(header["schema"], response.headers[name]))
            else:
                assert not header.get("required"), f"the header {name} is missing"
        content = documented.get("content")
        if content is None or response.request.method == "HEAD":
            assert not response.content
            return
        media_type = response.headers["Content-Type"]
        assert media_type in content, f"{media_type} is not documented"
        self._validate(content[media_type]["schema"], response.json())
        self._check_places(response.json())

    def check_problem(self, headers: Mapping[str, str], problem: object) -> None:
        """Raise `AssertionError` or `ValidationError` if a response is not a valid problem."""
        self._check_headers(headers)
        assert headers["content-type"] == "application/problem+json"
        self._validate({"$ref": "#/components/schemas/Problem"}, problem)
        self._check_places(problem)

    def _check_places(self, body: object) -> None:
        """Raise `AssertionError` for an error of the input that has no place, or more than one.

        A schema with `oneOf` and `required` would say so, but generated clients cannot read it.
        """
        errors = body.get("errors", []) if isinstance(body, dict) else []
        for each in errors:
            assert len(PLACES & each.keys()) == 1, f"{each} does not have one place"

    def _check_unrouted(self, response: httpx.Response) -> None:
        if response.status_code >= 400 and response.request.method != "HEAD":
            self.check_problem(response.headers, response.json())
        else:
            self._check_headers(response.headers)

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        for name in EVERYWHERE:
            header = self._resolve({"$ref": f"#/components/headers/{name}"})
            self._validate(header["schema"], headers[name.lower()])

    def _validate(self, schema: Node, value: object) -> None:
        key = repr(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.tree["components"]}
            made = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[key] = made
        self._validators[key].validate(value)

    def _resolve(self, node: Node) -> Node:
        while "$ref" in node:
            target: Any = self.tree
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node


@cache
def judge() -> Conformance:
    """Return the check of all tests."""
    return Conformance(read().raw)


def _typed(schema: Node, text: str) -> object:
    return int(text) if schema.get("type") == "integer" else text
