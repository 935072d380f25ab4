"""Write the contract without references, for generators that do not follow them."""

from typing import Any

from quart_contract.document import SCHEMAS, Document, Node

_LEFT_OUT = {"discriminator", "x-problems"}
"""Keywords of schemas. A discriminator only selects among references, and the page of the problems
has the problems."""
_NAMED = ("schemas", "securitySchemes")
"""The components that stay: generators name types after schemas."""


def bundled(document: Document) -> Node:
    """Return the contract with the target of each reference in its place.

    A schema that contains itself keeps the reference to itself. A schema that took the place of a
    reference has its name as `title`, unless it has one.
    """
    components = document.tree.get("components", {}).items()
    named = {name: each for name, each in components if name in _NAMED}
    inlined: Node = _Bundling(document).of({**document.tree, "components": named})
    return inlined


class _Bundling:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: list[str] = []  # the references whose targets are being copied
        self._copied: dict[str, Node] = {}  # the targets of references

    def of(self, node: Any) -> Any:  # noqa: ANN401 - a part of the contract
        if isinstance(node, list):
            return [self.of(each) for each in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return self._target(node)
        return {
            name: self._properties(each) if name == "properties" else self.of(each)
            for name, each in node.items()
            if name not in _LEFT_OUT
        }

    def _properties(self, properties: Node) -> Node:
        return {name: self.of(each) for name, each in properties.items()}  # of any name

    def _target(self, node: Node) -> Node:
        reference: str = node["$ref"]
        if reference in self._open:
            return node
        target = self._copied.get(reference)
        if target is None:
            self._open.append(reference)
            target = self._copied[reference] = self.of({**self._document.target(reference)})
            self._open.pop()
        siblings = {name: self.of(each) for name, each in node.items() if name != "$ref"}
        if reference.startswith(SCHEMAS):
            target = {"title": reference.removeprefix(SCHEMAS), **target}
        return {**target, **siblings}
