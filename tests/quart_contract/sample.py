"""A small contract and its handlers, which tests change until they differ."""

import copy
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias
from uuid import UUID

from quart import Blueprint, Quart, Request, request

from quart_contract import Contract, Problem
from quart_contract.document import Document
from quart_contract.problems import ENGINE_CODES

P = ParamSpec("P")
NoContent: TypeAlias = tuple[None, Literal[204], Mapping[str, str]]
KINDS = {
    code: {"status": 401 if code == "missing_key" else 400, "title": code, "description": code}
    for code in sorted({*ENGINE_CODES, "missing_key"})
}
TREE: dict[str, Any] = {
    "openapi": "3.1.1",
    "info": {"title": "Things", "version": "1"},
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        "schemas": {"ProblemCode": {"enum": list(KINDS), "x-problems": KINDS}},
    },
    "security": [{"key": []}],
    "paths": {
        "/things/{id}": {
            "parameters": [
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "format": "uuid"},
                }
            ],
            "get": {
                "operationId": "getThing",
                "parameters": [{"name": "If-Match", "in": "header", "schema": {"type": "string"}}],
                "responses": {"204": {"description": "There it is."}},
            },
        },
        "/open": {
            "put": {
                "operationId": "openUp",
                "components": {
                    "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
                    "schemas": {"ProblemCode": {"enum": list(KINDS), "x-problems": KINDS}},
                },
                "security": [],
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {"204": {"description": "Open."}},
            }
        },
    },
}


class Key:
    """A security scheme with one key, which belongs to Ada."""

    def protects(self, handler: Callable[..., Any]) -> bool:
        return hasattr(handler, "needs_key")

    async def authenticate(self, request: Request) -> None:
        if request.headers.get("X-Key") != "sesame":
            raise Problem("missing_key", "Send X-Key.")
        request.scope["user"] = "ada"  # type: ignore[typeddict-unknown-key]  # ASGI lets add keys


def with_key(
    handler: Callable[Concatenate[str, P], Awaitable[NoContent]],
) -> Callable[P, Awaitable[NoContent]]:
    @wraps(handler)
    async def decorated(*args: P.args, **kwargs: P.kwargs) -> NoContent:
        return await handler(request.scope["user"], *args, **kwargs)  # type: ignore[typeddict-item]

    signature = inspect.signature(handler)
    _, *others = signature.parameters.values()
    visible = {"__signature__": signature.replace(parameters=others), "needs_key": True}
    vars(decorated).update(visible)
    return decorated


SECURITY = {"key": Key()}


@with_key
async def get_thing(user_id: str, id: UUID, if_match: str | None) -> NoContent:
    return None, 204, {"X-Seen": f"{user_id} {id} {if_match}"}


async def open_up(body: dict[str, Any]) -> NoContent:
    return None, 204, {"X-Seen": json.dumps(body)}


def bound(tree: dict[str, Any], **handlers: Callable[..., Any]) -> Quart:
    app = Quart("things")
    blueprint = Blueprint("things", __name__)
    for name, handler in ({"get_thing": get_thing, "open_up": open_up} | handlers).items():
        if handler is not absent:
            register(blueprint, name, handler)
    app.register_blueprint(blueprint)
    install(app, tree)
    return app


def install(app: Quart, tree: dict[str, Any]) -> None:
    contract = Contract(Document(json.dumps(tree).encode()))
    contract.install(app, security=SECURITY, codes=frozenset({"missing_key"}))


def register(blueprint: Blueprint, name: str, handler: Any) -> None:  # noqa: ANN401 - any fault
    """Do what `@blueprint.endpoint(name)` does. Its type does not allow handlers with faults."""
    blueprint.view_functions[name] = handler


def absent() -> None:
    """A placeholder for a handler that is missing."""


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    tree = copy.deepcopy(TREE)
    change(tree)
    return tree
