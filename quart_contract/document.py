"""The contract as a document: its bytes, its parsed tree, and its references."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import yaml

from quart_contract.keywords import KEYWORDS

Node: TypeAlias = Mapping[str, Any]
"""A part of the contract. Its values have the types that OpenAPI allows, hence `Any`."""

SCHEMAS = "#/components/schemas/"
"""What references to schemas begin with."""


class ContractError(Exception):
    """The document is not an OpenAPI document, or the engine cannot enforce a part of it."""


@dataclass(frozen=True)
class Document:
    """A contract file, read and parsed once. `raw` is the file, byte for byte."""

    raw: bytes

    @cached_property
    def tree(self) -> Node:
        """The parsed file. Raises `ContractError` if it is no YAML or has no paths."""
        try:
            tree = yaml.load(self.raw, Loader=yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise ContractError(f"openapi.yaml is not YAML: {error}") from None
        if not isinstance(tree, dict) or "paths" not in tree:
            raise ContractError("openapi.yaml is not an OpenAPI document: it has no paths")
        return tree

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def version(self) -> str:
        """The version of the contract: `info.version`."""
        return str(self.tree["info"]["version"])

    @cached_property
    def details(self) -> Mapping[tuple[str, str], str]:
        """The error details, in words, by keyword and value: `x-pattern-detail`, `x-format-detail`.

        A pattern, or a format, has the same detail in all schemas. The patterns of `KEYWORDS` are
        among them.
        """
        own = {("pattern", each.pattern): each.detail for each in KEYWORDS.values()}
        schemas = self.tree.get("components", {}).get("schemas", {}).values()
        return own | {
            (keyword, schema[keyword]): schema[f"x-{keyword}-detail"]
            for schema in schemas
            for keyword in ("pattern", "format")
            if f"x-{keyword}-detail" in schema
        }

    def resolve(self, node: Node) -> Node:
        """Follow `$ref` until a node has none. Raises `ContractError` for a missing target."""
        while "$ref" in node:
            node = self.target(node["$ref"])
        return node

    def without_null(self, schema: Node) -> tuple[Node, bool]:
        """Return a resolved schema without its null alternative, and whether it allows null."""
        schema = self.resolve(schema)
        for keyword in ("oneOf", "anyOf"):
            choices = schema.get(keyword, [])
            others = [each for each in choices if each != {"type": "null"}]
            if len(others) == 1 < len(choices):
                return self.resolve(others[0]), True
        types = schema.get("type")
        return schema, isinstance(types, list) and "null" in types

    def schema(self, node: Node) -> dict[str, Any]:
        """Return a self-contained JSON Schema, which includes the schemas that it refers to.

        It includes no others, because a compiled schema keeps its whole input in memory.
        """
        names = set[str]()
        self._collect(node, names)
        schemas = {name: self.target(f"{SCHEMAS}{name}") for name in sorted(names)}
        return {**node, "components": {"schemas": schemas}}

    def _collect(self, node: object, names: set[str]) -> None:
        """Add the names of all schemas that a node refers to, directly or indirectly."""
        match node:
            case {"$ref": str(reference)} if reference.startswith(SCHEMAS):
                name = reference.removeprefix(SCHEMAS)
                if name not in names:
                    names.add(name)
                    self._collect(self.target(reference), names)
            case dict():
                for each in node.values():
                    self._collect(each, names)
            case list():
                for each in node:
                    self._collect(each, names)

    def target(self, reference: str) -> Node:
        """Return the target of a reference. Raises `ContractError` if it does not exist."""
        node: Any = self.tree
        for part in self._parts(reference):
            try:
                node = node[part]
            except (KeyError, TypeError):
                raise ContractError(f"{reference} does not exist") from None
        return node  # type: ignore[no-any-return]  # nodes have the types that OpenAPI allows

    @staticmethod
    def _parts(reference: str) -> Iterator[str]:
        if not reference.startswith("#/"):
            raise ContractError(f"{reference} is outside the contract")
        for part in reference[2:].split("/"):
            yield part.replace("~1", "/").replace("~0", "~")


def mounted(tree: Node, base_path: str) -> Node:
    """Return a contract whose `servers` begin with the path at which the service is mounted."""
    servers = [_moved(each, base_path) for each in tree.get("servers", [{"url": "/"}])]
    return {**tree, "servers": servers} if base_path else tree


def _moved(server: Node, base_path: str) -> Node:
    url = str(server["url"])
    return {**server, "url": f"{base_path}{url}".rstrip("/")} if url.startswith("/") else server


def as_json(tree: Node) -> bytes:
    """Return a contract as JSON. Raises `ContractError` for a value that JSON does not have."""
    try:
        return json.dumps(tree, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ContractError(f"openapi.yaml has a value that is not JSON: {error}") from None
