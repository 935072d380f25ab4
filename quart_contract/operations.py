"""The operations of the contract, as typed objects for the rest of the engine."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from quart_contract.document import ContractError, Document, Node
from quart_contract.strict_json import JsonValue

_SCALARS = {"string", "integer", "number", "boolean"}
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
    kind: str
    """The type of its value, or of its items: `string`, `integer`, `number` or `boolean`."""
    is_array: bool
    explodes: bool
    """True if each item of an array is sent as `name=item`, False if commas separate the items."""
    nullable: bool
    """True if an empty value means null. For a string, an empty value is the empty string."""
    allows_empty: bool
    """True if an empty value counts as absent: `allowEmptyValue` of OpenAPI."""
    is_exclusive: bool = False
    """True if operations that do not have this header reject it: `x-reject-elsewhere`."""

    @property
    def argument(self) -> str:
        """The name of the handler's argument: `Idempotency-Key` is `idempotency_key`."""
        return self.name.replace("-", "_").lower()


@dataclass(frozen=True, slots=True)
class Body:
    """The JSON body of an operation. `defaults` are the defaults of its properties, by name."""

    required: bool
    media_types: tuple[str, ...]
    schema: Node
    defaults: dict[str, JsonValue]
    null_is_absent: bool = False
    """True if JSON's null means that there is no body: some clients cannot omit a body."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    id: str
    method: str
    path: str
    schemes: frozenset[str]
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: Mapping[str, Node]
    """The responses, by status: `200`, `4XX` or `default`."""
    returns_json: bool
    """True if any response has a JSON body."""
    rejected_headers: tuple[str, ...] = ()
    """The exclusive headers of other operations."""

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
        """The names of the arguments that the engine passes to the handler.

        Arguments that a decorator injects, such as the user's id, are not among them.
        """
        names = {parameter.argument for parameter in self.parameters}
        return frozenset(names | {"body"} if self.body else names)


def operations(document: Document) -> tuple[Operation, ...]:
    """Return all operations.

    Raises `ContractError` if the contract contains something that the engine cannot enforce: the
    contract must not promise more than the engine checks.
    """
    found = tuple(_walk(document))
    ids = [operation.id for operation in found]
    for id_ in set(ids):
        if ids.count(id_) > 1:
            raise ContractError(f"operationId {id_} is used {ids.count(id_)} times")
    exclusive = {
        each.name for operation in found for each in operation.headers if each.is_exclusive
    }
    return tuple(_rejecting(operation, exclusive) for operation in found)


def _rejecting(operation: Operation, exclusive: AbstractSet[str]) -> Operation:
    others = exclusive - {each.name for each in operation.headers}
    return replace(operation, rejected_headers=tuple(sorted(others)))


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
        read_parameter(document, document.resolve(each))
        for each in (*shared, *node.get("parameters", []))
    )
    in_path = {each.name for each in parameters if each.location == "path"}
    if in_path != set(re.findall(r"\{(\w+)\}", path)):
        raise ContractError(f"{node['operationId']}: the path parameters do not match {path}")
    responses = {
        str(status): document.resolve(response) for status, response in node["responses"].items()
    }
    return Operation(
        id=node["operationId"],
        method=method.upper(),
        path=path,
        schemes=_schemes(document, node),
        parameters=parameters,
        body=_body(document, node),
        responses=responses,
        returns_json=any(JSON in each.get("content", {}) for each in responses.values()),
    )


def _schemes(document: Document, node: Node) -> frozenset[str]:
    alternatives = node.get("security", document.tree.get("security", []))
    if len(alternatives) > 1 or any(scopes for each in alternatives for scopes in each.values()):
        raise ContractError(f"{node['operationId']}: only one set of schemes, without scopes")
    return frozenset(name for each in alternatives for name in each)


def read_parameter(document: Document, node: Node) -> Parameter:
    """Return a parameter. Raises `ContractError` for one that the engine cannot read."""
    if node["in"] not in ("path", "query", "header") or "schema" not in node:
        raise ContractError(f"parameter {node['name']}: only path, query and header with a schema")
    schema = document.resolve(node["schema"])
    style = node.get("style", "form" if node["in"] == "query" else "simple")
    if style != ("form" if node["in"] == "query" else "simple"):
        raise ContractError(f"parameter {node['name']}: the style {style} is not supported")
    kind, is_array = _kind(document, node["name"], schema)
    if is_array and node["in"] != "query":
        raise ContractError(f"parameter {node['name']}: an array is supported in a query only")
    required, allows_empty = node.get("required", False), node.get("allowEmptyValue", False)
    if allows_empty and (required or node["in"] != "query" or "null" in _types(schema)):
        raise ContractError(
            f"parameter {node['name']}: allowEmptyValue is supported in an optional parameter of a "
            "query that is not nullable"
        )
    is_exclusive = node.get("x-reject-elsewhere", False)
    if is_exclusive and node["in"] != "header":
        raise ContractError(f"parameter {node['name']}: x-reject-elsewhere is for headers only")
    return Parameter(
        name=node["name"],
        location=node["in"],
        required=required,
        schema=node["schema"],
        default=schema.get("default", schema.get("x-default")),
        kind=kind,
        is_array=is_array,
        explodes=node.get("explode", True),
        nullable="null" in _types(schema),
        allows_empty=allows_empty,
        is_exclusive=is_exclusive,
    )


def _kind(document: Document, name: str, schema: Node) -> tuple[str, bool]:
    """Return the scalar type of a parameter or of its items, and whether it is an array."""
    if "array" in _types(schema):
        kind, is_nested = _kind(document, name, document.resolve(schema.get("items", {})))
        if is_nested:
            raise ContractError(f"parameter {name}: an array of arrays is not supported")
        return kind, True
    kinds = _types(schema) - {"null"} or {"string"}
    if len(kinds) > 1 or not kinds <= _SCALARS or {"oneOf", "anyOf", "allOf"} & schema.keys():
        raise ContractError(f"parameter {name}: it must have one scalar type")
    return kinds.pop(), False


def _types(schema: Node) -> set[str]:
    types = schema.get("type", [])
    return {types} if isinstance(types, str) else set(types)


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
    return Body(
        required=body.get("required", False),
        media_types=tuple(contents),
        schema=schema,
        defaults=defaults,
        null_is_absent=body.get("x-null-means-absent", False),
    )
