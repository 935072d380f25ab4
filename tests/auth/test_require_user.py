"""Every secured operation requires a valid token, and public operations do not."""

import httpx
import pytest
import quart
from hypercorn.typing import ConnectionState
from quart import Quart

from app.auth.request_state import STATE, RequestState
from app.auth.require_user import UnauthenticatedError, require_user
from app.openapi import read
from quart_contract.operations import Operation, operations

OPERATIONS = operations(read())
SECURED = [each for each in OPERATIONS if each.schemes]
PUBLIC = [each for each in OPERATIONS if not each.schemes]
BAD_TOKENS = ["expired_token", "forged_token"]


def path_of(operation: Operation) -> str:
    return operation.path.replace("{id}", "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70")


def id_of(operation: Operation) -> str:
    return operation.id


@pytest.mark.parametrize("operation", SECURED, ids=id_of)
async def test_a_secured_operation_refuses_a_request_without_a_token(
    anonymous: httpx.AsyncClient, operation: Operation
) -> None:
    refused = await anonymous.request(operation.method, path_of(operation), content=b"{not json")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json()["code"] == "missing_token"


@pytest.mark.parametrize("token", BAD_TOKENS)
@pytest.mark.parametrize("operation", SECURED, ids=id_of)
async def test_a_secured_operation_refuses_a_token_that_does_not_hold(
    anonymous: httpx.AsyncClient,
    operation: Operation,
    token: str,
    request: pytest.FixtureRequest,
) -> None:
    headers = {"Authorization": f"Bearer {request.getfixturevalue(token)}"}
    refused = await anonymous.request(operation.method, path_of(operation), headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert refused.json()["code"] == "invalid_token"


@pytest.mark.parametrize("operation", PUBLIC, ids=id_of)
async def test_a_public_operation_needs_no_token(
    anonymous: httpx.AsyncClient, operation: Operation
) -> None:
    answered = await anonymous.request(operation.method, path_of(operation))
    assert answered.status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_a_valid_token_is_accepted_in_any_case_of_its_scheme(
    anonymous: httpx.AsyncClient, valid_token: str, scheme: str
) -> None:
    headers = {"Authorization": f"{scheme} {valid_token}"}
    assert (await anonymous.get("/api/tasks", headers=headers)).status_code == 200


async def test_two_tokens_are_refused_even_if_both_hold(
    anonymous: httpx.AsyncClient, valid_token: str
) -> None:
    header = ("Authorization", f"Bearer {valid_token}")
    refused = await anonymous.get("/api/tasks", headers=[header, header])
    assert refused.status_code == 401
    assert refused.json()["code"] == "invalid_token"


async def test_the_user_is_told_apart_by_the_token_alone(
    anonymous: httpx.AsyncClient, valid_token: str, user: str
) -> None:
    headers = {"Authorization": f"Bearer {valid_token}"}
    created = await anonymous.post("/api/tasks", json={"title": "x"}, headers=headers)
    assert created.json()["user_id"] == user


async def test_a_handler_needs_an_authenticated_request() -> None:
    class Routes:
        @require_user
        async def get_me(self, user_id: str) -> str:
            return user_id

    async with Quart("things").test_request_context("/"):
        state = ConnectionState({STATE: RequestState("an id", {})})
        quart.request.scope["state"] = state
        with pytest.raises(UnauthenticatedError):
            await Routes().get_me()
