"""A small contract and its handlers, to be changed until they do not fit."""

import copy
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from quart import Blueprint, Quart

from app.auth.require_user import require_user
from app.contract.binding import bind
from app.contract.document import Document

TREE: dict[str, Any] = {
    "openapi": "3.1.1",
    "info": {"title": "Things", "version": "1"},
    "security": [{"bearer": []}],
    "paths": {
        "/things/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"format": "uuid"}}
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
                "security": [],
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {"204": {"description": "Open."}},
            }
        },
    },
}


@require_user
async def get_thing(user_id: str, id: UUID, if_match: str | None) -> str:
    return f"{user_id} {id} {if_match}"


async def open_up(body: dict[str, Any]) -> str:
    return json.dumps(body)


def bound(tree: dict[str, Any], **handlers: Callable[..., Any]) -> Quart:
    app = Quart("things")
    blueprint = Blueprint("things", __name__)
    for name, handler in ({"get_thing": get_thing, "open_up": open_up} | handlers).items():
        if handler is not absent:
            register(blueprint, name, handler)
    app.register_blueprint(blueprint)
    bind(app, Document(json.dumps(tree).encode()))
    return app


def register(blueprint: Blueprint, name: str, handler: Any) -> None:  # noqa: ANN401 - any fault
    """Do what `@blueprint.endpoint(name)` does, which Quart's types let not be done to any."""
    blueprint.view_functions[name] = handler


def absent() -> None:
    """Stands for a handler that is not there."""


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    tree = copy.deepcopy(TREE)
    change(tree)
    return tree
