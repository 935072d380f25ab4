"""The contract as a document: its bytes, its tree, and its references."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import yaml

Node: TypeAlias = Mapping[str, Any]
"""A part of the contract. Its values are as free as OpenAPI allows, hence `Any`."""

_SCHEMAS = "#/components/schemas/"


class ContractError(Exception):
    """The contract cannot be read, or says what this program cannot enforce."""


@dataclass(frozen=True)
class Document:
    """`openapi.yaml`, read once. `raw` is the file, byte for byte."""

    raw: bytes

    @cached_property
    def tree(self) -> Node:
        """The parsed file."""
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
        """The version of the contract, which is that of the program."""
        return str(self.tree["info"]["version"])

    @cached_property
    def pattern_details(self) -> Mapping[str, str]:
        """In words, what it means not to match a pattern: `x-pattern-detail` by `pattern`."""
        schemas = self.tree.get("components", {}).get("schemas", {}).values()
        return {
            schema["pattern"]: schema["x-pattern-detail"]
            for schema in schemas
            if "x-pattern-detail" in schema
        }

    def resolve(self, node: Node) -> Node:
        """Follow `$ref` until something stands there itself."""
        while "$ref" in node:
            node = self._target(node["$ref"])
        return node

    def schema(self, node: Node) -> dict[str, Any]:
        """A JSON Schema that stands alone: the schemas that it refers to come with it.

        Only those, since a compiled schema keeps all that it is given.
        """
        names = set[str]()
        self._collect(node, names)
        schemas = {name: self._target(f"{_SCHEMAS}{name}") for name in sorted(names)}
        return {**node, "components": {"schemas": schemas}}

    def _collect(self, node: object, names: set[str]) -> None:
        """Add the names of all schemas that a part of the contract leads to."""
        match node:
            case {"$ref": str(reference)} if reference.startswith(_SCHEMAS):
                name = reference.removeprefix(_SCHEMAS)
                if name not in names:
                    names.add(name)
                    self._collect(self._target(reference), names)
            case dict():
                for each in node.values():
                    self._collect(each, names)
            case list():
                for each in node:
                    self._collect(each, names)

    def _target(self, reference: str) -> Node:
        node: Any = self.tree
        for part in self._parts(reference):
            try:
                node = node[part]
            except (KeyError, TypeError):
                raise ContractError(f"{reference} does not exist") from None
        return node  # type: ignore[no-any-return]  # the tree is as free as OpenAPI allows

    @staticmethod
    def _parts(reference: str) -> Iterator[str]:
        if not reference.startswith("#/"):
            raise ContractError(f"{reference} is outside the contract")
        for part in reference[2:].split("/"):
            yield part.replace("~1", "/").replace("~0", "~")
