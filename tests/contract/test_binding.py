"""The app refuses to start where contract and code differ; one test for each kind of drift."""

import copy
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from quart import Blueprint, Quart

from app.auth.require_user import require_user
from app.contract.binding import ContractDriftError, bind
from app.contract.document import ContractError, Document

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


def test_what_fits_is_bound_to_the_paths_of_the_contract() -> None:
    rules = {(rule.rule, rule.endpoint) for rule in bound(TREE).url_map.iter_rules()}
    assert {("/things/<segment:id>", "get_thing"), ("/open", "open_up")} <= rules


def test_an_operation_without_a_handler_is_drift() -> None:
    with pytest.raises(ContractDriftError, match="operation openUp: there is no handler open_up"):
        bound(TREE, open_up=absent)


def test_a_handler_without_an_operation_is_drift() -> None:
    with pytest.raises(ContractDriftError, match="handler shut_down: the contract has no such"):
        bound(TREE, shut_down=open_up)


def test_a_handler_that_lacks_a_parameter_is_drift() -> None:
    @require_user
    async def lacking(user_id: str, id: UUID) -> str:
        return f"{user_id} {id}"

    with pytest.raises(ContractDriftError, match="its handler does not take if_match"):
        bound(TREE, get_thing=lacking)


def test_a_handler_that_lacks_the_body_is_drift() -> None:
    async def lacking() -> str:
        return ""

    with pytest.raises(ContractDriftError, match="its handler does not take body"):
        bound(TREE, open_up=lacking)


def test_a_handler_with_a_parameter_of_its_own_is_drift() -> None:
    async def inventing(body: dict[str, Any], color: str) -> str:
        return f"{body} {color}"

    with pytest.raises(ContractDriftError, match="takes color, which the contract lacks"):
        bound(TREE, open_up=inventing)


def test_a_handler_that_takes_anything_is_drift() -> None:
    async def greedy(body: dict[str, Any], **anything: str) -> str:
        return f"{body} {anything}"

    with pytest.raises(ContractDriftError, match="takes anything, which the contract lacks"):
        bound(TREE, open_up=greedy)


def test_a_secured_operation_whose_handler_requires_no_user_is_drift() -> None:
    async def careless(id: UUID, if_match: str | None) -> str:
        return f"{id} {if_match}"

    with pytest.raises(ContractDriftError, match="secured, but its handler lacks @require_user"):
        bound(TREE, get_thing=careless)


def test_a_secured_handler_that_takes_the_user_without_requiring_one_is_drift() -> None:
    async def forged(user_id: str, id: UUID, if_match: str | None) -> str:
        return f"{user_id} {id} {if_match}"

    with pytest.raises(ContractDriftError, match="takes user_id, which the contract lacks"):
        bound(TREE, get_thing=forged)


def test_a_public_operation_whose_handler_requires_a_user_is_drift() -> None:
    @require_user
    async def careful(user_id: str, body: dict[str, Any]) -> str:
        return f"{user_id} {body}"

    with pytest.raises(ContractDriftError, match="public, but its handler has @require_user"):
        bound(TREE, open_up=careful)


def test_a_handler_that_is_not_async_is_drift() -> None:
    def blocking(body: dict[str, Any]) -> str:
        return json.dumps(body)

    with pytest.raises(ContractDriftError, match="its handler is not async"):
        bound(TREE, open_up=blocking)


def test_a_handler_whose_argument_has_no_type_is_drift() -> None:
    async def untyped(body) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the fault
        return json.dumps(body)

    with pytest.raises(ContractDriftError, match="its handler does not say the type of body"):
        bound(TREE, open_up=untyped)


def test_a_route_beside_the_contract_is_drift() -> None:
    app = Quart("things")
    blueprint = Blueprint("back_door", __name__)
    blueprint.get("/back-door")(open_up)
    app.register_blueprint(blueprint)
    with pytest.raises(ContractDriftError, match="route /back-door: a blueprint has it"):
        bind(app, Document(json.dumps(TREE).encode()))


def test_two_handlers_of_one_name_are_drift() -> None:
    app = Quart("things")
    for name in ("one", "other"):
        blueprint = Blueprint(name, __name__)
        register(blueprint, "open_up", open_up)
        app.register_blueprint(blueprint)
    with pytest.raises(ContractDriftError, match="handler open_up: there are 2 of this name"):
        bind(app, Document(json.dumps(TREE).encode()))


def test_every_difference_is_named_at_once() -> None:
    with pytest.raises(ContractDriftError) as raised:
        bound(TREE, open_up=absent, shut_down=open_up)
    assert len(str(raised.value).splitlines()) == 2


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
        "operationId getThing stands 2 times",
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
        "openUp: the path parameters are not those of /open",
    ),
    "a body that is not JSON": (
        lambda tree: operation(tree).update(requestBody={"content": {"text/plain": {}}}),
        "openUp: the only body that is supported is application/json",
    ),
    "another security scheme": (
        lambda tree: operation(tree).update(security=[{"basic": []}]),
        "openUp: only the security scheme bearer is supported",
    ),
    "a reference that leads nowhere": (
        lambda tree: operation(tree).update(requestBody={"$ref": "#/components/nothing"}),
        "#/components/nothing leads nowhere",
    ),
    "a reference that leads out of the contract": (
        lambda tree: operation(tree).update(requestBody={"$ref": "https://example.com/"}),
        "https://example.com/ leads out of the contract",
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


@pytest.mark.parametrize("raw", [b"{", b"[]", b"{}", b"openapi: 3.1.1"])
def test_a_file_that_is_no_contract_is_refused(raw: bytes) -> None:
    with pytest.raises(ContractError):
        bind(Quart("things"), Document(raw))
