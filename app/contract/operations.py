"""The operations of the contract, in the terms that the program works with."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.contract.document import ContractError, Document, Node
from app.strict_json import JsonValue

METHODS = ("get", "put", "post", "delete", "patch")
JSON = "application/json"
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation; `location` is `path`, `query` or `header`."""

    name: str
    location: str
    required: bool
    schema: Node
    default: JsonValue

    @property
    def argument(self) -> str:
        """The name of the handler's argument: `Idempotency-Key` is `idempotency_key`."""
        return self.name.replace("-", "_").lower()


@dataclass(frozen=True, slots=True)
class Body:
    """The JSON body of an operation. `defaults` are those of its members."""

    required: bool
    media_types: tuple[str, ...]
    schema: Node
    defaults: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    id: str
    method: str
    path: str
    secured: bool
    parameters: tuple[Parameter, ...]
    body: Body | None
    answers_json: bool

    @property
    def handler_name(self) -> str:
        """The operationId in snake_case: `createTask` is `create_task`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.id).lower()

    @property
    def headers(self) -> tuple[Parameter, ...]:
        """The parameters that are sent as headers."""
        return tuple(each for each in self.parameters if each.location == "header")

    @property
    def arguments(self) -> frozenset[str]:
        """The names that the contract passes to the handler; the user's id is not among them."""
        names = {parameter.argument for parameter in self.parameters}
        return frozenset(names | {"body"} if self.body else names)


def operations(document: Document) -> tuple[Operation, ...]:
    """Read all operations.

    Raises `ContractError` where the contract says what this program cannot enforce: a promise
    that is not kept must not be made.
    """
    found = tuple(_walk(document))
    ids = [operation.id for operation in found]
    for id_ in set(ids):
        if ids.count(id_) > 1:
            raise ContractError(f"operationId {id_} is used {ids.count(id_)} times")
    return found


def _walk(document: Document) -> Iterator[Operation]:
    for path, item in document.tree["paths"].items():
        for method, node in item.items():
            if method in METHODS:
                yield _operation(document, path, method, node)
            elif method not in ("parameters", "summary", "description"):
                raise ContractError(f"{path}: {method} is not supported")


def _operation(document: Document, path: str, method: str, node: Node) -> Operation:
    if "operationId" not in node:
        raise ContractError(f"{method.upper()} {path} has no operationId")
    shared = document.tree["paths"][path].get("parameters", [])
    parameters = tuple(
        _parameter(document, document.resolve(each))
        for each in (*shared, *node.get("parameters", []))
    )
    in_path = {each.name for each in parameters if each.location == "path"}
    if in_path != set(re.findall(r"\{(\w+)\}", path)):
        raise ContractError(f"{node['operationId']}: the path parameters do not match {path}")
    return Operation(
        id=node["operationId"],
        method=method.upper(),
        path=path,
        secured=_secured(document, node),
        parameters=parameters,
        body=_body(document, node),
        answers_json=any(
            JSON in document.resolve(response).get("content", {})
            for response in node["responses"].values()
        ),
    )


def _secured(document: Document, node: Node) -> bool:
    requirements = node.get("security", document.tree.get("security", []))
    if requirements not in ([], [{"bearer": []}]):
        raise ContractError(f"{node['operationId']}: only the security scheme bearer is supported")
    return bool(requirements)


def _parameter(document: Document, node: Node) -> Parameter:
    if node["in"] not in ("path", "query", "header") or "schema" not in node:
        raise ContractError(f"parameter {node['name']}: only path, query and header with a schema")
    return Parameter(
        name=node["name"],
        location=node["in"],
        required=node.get("required", False),
        schema=node["schema"],
        default=document.resolve(node["schema"]).get("default"),
    )


def _body(document: Document, node: Node) -> Body | None:
    if "requestBody" not in node:
        return None
    body = document.resolve(node["requestBody"])
    contents: dict[str, Node] = body["content"]
    schema = contents.get(JSON, {}).get("schema")
    alike = all(content.get("schema") == schema for content in contents.values())
    if schema is None or not alike or not all(map(_JSON_TYPE.fullmatch, contents)):
        raise ContractError(f"{node['operationId']}: the only body that is supported is {JSON}")
    properties = document.resolve(schema).get("properties", {})
    defaults = {name: each["default"] for name, each in properties.items() if "default" in each}
    return Body(body.get("required", False), tuple(contents), schema, defaults)
