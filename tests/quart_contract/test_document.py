"""A contract is rejected if a part of it cannot be enforced."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from quart_contract.contract import Contract
from quart_contract.document import ContractError, Document, as_json
from tests.quart_contract.sample import TREE, bound, changed


def operation(tree: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = tree["paths"]["/open"]["put"]
    return node


UNENFORCEABLE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an operation without an id": (
        lambda tree: operation(tree).pop("operationId"),
        "PUT /open has no operationId",
    ),
    "an id twice": (
        lambda tree: operation(tree).update(operationId="getThing"),
        "operationId getThing is used 2 times",
    ),
    "a method that is not supported": (
        lambda tree: tree["paths"]["/open"].update(trace={}),
        "/open: trace is not supported",
    ),
    "a cookie": (
        lambda tree: operation(tree).update(
            parameters=[{"name": "crumb", "in": "cookie", "schema": {}}]
        ),
        "parameter crumb: only path, query and header",
    ),
    "path parameters that are not those of the path": (
        lambda tree: operation(tree).update(
            parameters=[{"name": "id", "in": "path", "required": True, "schema": {}}]
        ),
        "openUp: the path parameters do not match /open",
    ),
    "a body that is not JSON": (
        lambda tree: operation(tree).update(requestBody={"content": {"text/plain": {}}}),
        "openUp: the only body that is supported is application/json",
    ),
    "a choice of security schemes": (
        lambda tree: operation(tree).update(security=[{"key": []}, {}]),
        "openUp: only one set of schemes",
    ),
    "a reference that leads nowhere": (
        lambda tree: operation(tree).update(requestBody={"$ref": "#/components/nothing"}),
        "#/components/nothing does not exist",
    ),
    "a reference that leads out of the contract": (
        lambda tree: operation(tree).update(requestBody={"$ref": "https://example.com/"}),
        "https://example.com/ is outside the contract",
    ),
    "a schema that cannot be compiled": (
        lambda tree: operation(tree)["requestBody"]["content"]["application/json"].update(
            schema={"pattern": "("}
        ),
        "a schema cannot be compiled",
    ),
    "a format that is not known": (
        lambda tree: operation(tree)["requestBody"]["content"]["application/json"].update(
            schema={"format": "frobnicated"}
        ),
        "a schema cannot be compiled",
    ),
}


@pytest.mark.parametrize("name", UNENFORCEABLE)
def test_what_cannot_be_enforced_is_refused(name: str) -> None:
    change, message = UNENFORCEABLE[name]
    with pytest.raises(ContractError, match=message):
        bound(changed(change))


@pytest.mark.parametrize("raw", [b"{", b"[]", b"{}", b"openapi: 3.1.1", b"paths: {}"])
def test_a_file_that_is_no_contract_is_refused(raw: bytes) -> None:
    with pytest.raises(ContractError):
        Contract(Document(raw))


def test_a_value_that_is_not_json_is_rejected() -> None:
    dated = json.dumps(TREE).replace('"version": "1"', '"version": 2026-01-01')
    with pytest.raises(ContractError, match="has a value that is not JSON"):
        as_json(Document(dated.encode()).tree)
