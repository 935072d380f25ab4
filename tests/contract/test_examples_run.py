"""Every example of a request is sent to a server, and gets the expected response."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.openapi import read
from quart_contract.operations import Operation, operations
from tests.contract.test_examples import nodes
from tests.isolation.plans import PLANS, TASK

CONTRACT = read()
SECURED = [each for each in operations(CONTRACT) if each.schemes]
EXAMPLE_ID = "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"
OTHER_ID = "019aa3f1-0c52-7a61-b3d4-5e6f708192a3"
# Cursors and tokens in examples were made up. A server rejects them.
MADE_UP = {"cursor": 422, "since": 410}


def bodies() -> Iterator[tuple[Operation, str, str, Any]]:
    for operation in SECURED:
        node = CONTRACT.tree["paths"][operation.path][operation.method.lower()]
        content = CONTRACT.resolve(node.get("requestBody", {})).get("content", {})
        for media_type, described in content.items():
            for name, example in described["examples"].items():
                yield operation, media_type, name, CONTRACT.resolve(example)["value"]


def parameters() -> Iterator[tuple[Operation, str, str, str]]:
    for operation in SECURED:
        node = CONTRACT.tree["paths"][operation.path][operation.method.lower()]
        for each in map(CONTRACT.resolve, node.get("parameters", [])):
            examples = [each["example"]] if "example" in each else []
            examples += CONTRACT.resolve(each["schema"]).get("examples", [])
            for example in examples:
                yield operation, each["in"], each["name"], str(example)


BODIES, PARAMETERS = list(bodies()), list(parameters())


@pytest.fixture
async def ids(client: httpx.AsyncClient, request: pytest.FixtureRequest) -> list[str]:
    """Create two tasks. The first has the revision that the example expects, if there is one."""
    made = [(await client.post("/api/tasks", json={"title": "x"})).json()["id"] for _ in range(2)]
    sent = [each for name, each in request.node.callspec.params.items() if name != "operation"]
    expected = 42 if "42" in str(sent) else 2
    for revision in range(3, expected + 1):
        await client.patch(f"/api/tasks/{made[0]}", json={"title": f"{revision}"})
    return made


def filled(value: Any, ids: list[str]) -> Any:  # noqa: ANN401 - any JSON
    text = json.dumps(value).replace(EXAMPLE_ID, ids[0]).replace(OTHER_ID, ids[1])
    return json.loads(text.replace(TASK, ids[0]))


@pytest.mark.parametrize(
    ("operation", "media_type", "body"),
    [(operation, media_type, body) for operation, media_type, _, body in BODIES],
    ids=[f"{operation.id}-{media_type}-{name}" for operation, media_type, name, _ in BODIES],
)
async def test_an_example_of_a_body_is_accepted(
    operation: Operation, media_type: str, body: object, client: httpx.AsyncClient, ids: list[str]
) -> None:
    response = await client.request(
        operation.method,
        operation.path.format(id=ids[0]),
        content=json.dumps(filled(body, ids)),
        headers={"Content-Type": media_type},
    )
    assert response.status_code == PLANS[operation.id].status, response.text


@pytest.mark.parametrize(
    ("operation", "place", "name", "example"),
    PARAMETERS,
    ids=[f"{operation.id}-{name}-{example[:20]}" for operation, _, name, example in PARAMETERS],
)
async def test_an_example_of_a_parameter_is_accepted(
    operation: Operation,
    place: str,
    name: str,
    example: str,
    client: httpx.AsyncClient,
    ids: list[str],
) -> None:
    sent: dict[str, dict[str, str]] = {"query": {}, "header": {}, "path": {}}
    sent[place][name] = example
    if name == "If-None-Match":
        await client.patch(f"/api/tasks/{ids[0]}", json={"title": "changed since"})
    response = await client.request(
        operation.method,
        operation.path.format(id=ids[0]),
        params=sent["query"],
        headers=sent["header"],
        json=filled(PLANS[operation.id].body, ids),
    )
    due = MADE_UP.get(name, PLANS[operation.id].status)
    assert response.status_code == due, response.text


def test_there_are_examples_of_every_body_and_of_every_parameter() -> None:
    assert {operation.id for operation, *_ in BODIES} == {each.id for each in SECURED if each.body}
    described = {
        (operation.id, parameter.name)
        for operation in SECURED
        for parameter in operation.parameters
        if parameter.location != "path"
    }
    described.remove(("deleteMe", "confirm"))
    assert {(operation.id, name) for operation, _, name, _ in PARAMETERS} == described


def test_no_tool_is_given_a_value_for_a_parameter() -> None:
    """Swagger UI and Postman would send the `example` of a parameter without being asked."""
    for _, node in nodes(CONTRACT.tree):
        if {"in", "schema"} <= node.keys():
            assert not node.keys() & {"example", "examples"}, node["name"]


def test_no_tool_can_guess_what_confirms_an_erasure() -> None:
    parameter = CONTRACT.tree["components"]["parameters"]["Confirm"]
    assert parameter["required"]
    assert parameter["schema"] == {"type": "string", "minLength": 1, "maxLength": 255}
