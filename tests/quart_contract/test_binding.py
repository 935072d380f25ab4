"""The app does not start if contract and code differ. Each kind of drift has a test."""

import json
from typing import Any
from uuid import UUID

import pytest
from quart import Blueprint, Quart

from quart_contract.binding import ContractDriftError
from tests.quart_contract.sample import (
    TREE,
    NoContent,
    absent,
    bound,
    changed,
    install,
    open_up,
    register,
    with_key,
)


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
    @with_key
    async def lacking(user_id: str, id: UUID) -> NoContent:
        return None, 204, {"X-Seen": f"{user_id} {id}"}

    with pytest.raises(ContractDriftError, match="its handler does not take if_match"):
        bound(TREE, get_thing=lacking)


def test_a_handler_that_lacks_the_body_is_drift() -> None:
    async def lacking() -> NoContent:
        return None, 204, {"X-Seen": ""}

    with pytest.raises(ContractDriftError, match="its handler does not take body"):
        bound(TREE, open_up=lacking)


def test_a_handler_with_a_parameter_of_its_own_is_drift() -> None:
    async def inventing(body: dict[str, Any], color: str) -> NoContent:
        return None, 204, {"X-Seen": f"{body} {color}"}

    with pytest.raises(ContractDriftError, match="takes color, which the contract lacks"):
        bound(TREE, open_up=inventing)


def test_a_handler_that_takes_anything_is_drift() -> None:
    async def greedy(body: dict[str, Any], **anything: str) -> NoContent:
        return None, 204, {"X-Seen": f"{body} {anything}"}

    with pytest.raises(ContractDriftError, match="takes anything, which the contract lacks"):
        bound(TREE, open_up=greedy)


def test_an_unprotected_handler_of_a_secured_operation_is_drift() -> None:
    async def careless(id: UUID, if_match: str | None) -> NoContent:
        return None, 204, {"X-Seen": f"{id} {if_match}"}

    with pytest.raises(ContractDriftError, match="its handler is not decorated for key"):
        bound(TREE, get_thing=careless)


def test_an_unprotected_handler_that_takes_the_user_is_drift() -> None:
    async def forged(user_id: str, id: UUID, if_match: str | None) -> NoContent:
        return None, 204, {"X-Seen": f"{user_id} {id} {if_match}"}

    with pytest.raises(ContractDriftError, match="takes user_id, which the contract lacks"):
        bound(TREE, get_thing=forged)


def test_a_protected_handler_of_a_public_operation_is_drift() -> None:
    @with_key
    async def careful(user_id: str, body: dict[str, Any]) -> NoContent:
        return None, 204, {"X-Seen": f"{user_id} {body}"}

    with pytest.raises(ContractDriftError, match="decorated for key without need"):
        bound(TREE, open_up=careful)


def test_a_scheme_that_is_not_installed_is_drift() -> None:
    tree = changed(lambda tree: tree["paths"]["/open"]["put"].update(security=[{"basic": []}]))
    with pytest.raises(ContractDriftError, match="openUp: no security scheme basic is installed"):
        bound(tree)


def test_a_handler_that_is_not_async_is_drift() -> None:
    def blocking(body: dict[str, Any]) -> NoContent:
        return None, 204, {"X-Seen": json.dumps(body)}

    with pytest.raises(ContractDriftError, match="its handler is not async"):
        bound(TREE, open_up=blocking)


def test_a_handler_whose_argument_has_no_type_is_drift() -> None:
    async def untyped(body) -> NoContent:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the fault
        return None, 204, {"X-Seen": json.dumps(body)}

    with pytest.raises(ContractDriftError, match="its handler does not say the type of body"):
        bound(TREE, open_up=untyped)


def test_a_route_beside_the_contract_is_drift() -> None:
    async def back_door() -> str:
        return ""

    app = Quart("things")
    blueprint = Blueprint("back_door", __name__)
    blueprint.get("/back-door")(back_door)
    app.register_blueprint(blueprint)
    with pytest.raises(ContractDriftError, match="route /back-door: a blueprint defines it"):
        install(app, TREE)


def test_two_handlers_of_one_name_are_drift() -> None:
    app = Quart("things")
    for name in ("one", "other"):
        blueprint = Blueprint(name, __name__)
        register(blueprint, "open_up", open_up)
        app.register_blueprint(blueprint)
    with pytest.raises(ContractDriftError, match="handler open_up: registered 2 times"):
        install(app, TREE)


def test_every_difference_is_named_at_once() -> None:
    with pytest.raises(ContractDriftError) as raised:
        bound(TREE, open_up=absent, shut_down=open_up)
    assert len(str(raised.value).splitlines()) == 2


def test_after_a_difference_the_app_is_as_it_was_before() -> None:
    app = Quart("things")
    before = [str(rule) for rule in app.url_map.iter_rules()]
    with pytest.raises(ContractDriftError):  # no handler is registered
        install(app, TREE)
    assert [str(rule) for rule in app.url_map.iter_rules()] == before
