"""No body blocks the event loop for long. A search finds the worst one, for any contract.

The yardstick is the most expensive valid body: a batch of 100 long tasks, of the largest size that
is allowed. On an ordinary core it takes less than 3 ms, so `MOST` times as much is less than 50 ms.
"""

import json
import typing
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

import msgspec
import pytest
from werkzeug.datastructures import Headers, MultiDict

from app import MAX_BODY_BYTES
from app.tasks.routes import TaskRoutes
from quart_contract import strict_json
from quart_contract.document import Document
from quart_contract.operations import Operation, operations
from quart_contract.problems import Problem, ProblemCatalogue, invalid_request
from quart_contract.requests import RawRequest
from quart_contract.strict_json import JsonValue, MalformedJsonError, parse
from quart_contract.validation import BodyValidator, RequestValidator
from quart_contract.violations import Violation, violations_of
from tests.conftest import REPORTED
from tests.performance.search import least, worst
from tests.performance.shapes import Body, mutated, shape_of

MOST = 16
SEED = 14
STEPS = 60

_ID = "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"
_TASK = {"title": "x" * 200, "description": "é" * 1100, "due_at": "2026-12-01T09:00:00.5+01:00"}
LONGEST = {"operations": [{"op": "create", "task": _TASK}] * 100}
WITH_BODY = ["createTask", "replaceTask", "updateTask", "completeTask", "batchTasks"]


class Gate:
    """Process a body as the event loop does, without a pause."""

    def __init__(self, contract: Document, operation: Operation) -> None:
        handler = getattr(TaskRoutes, operation.handler_name)
        self._check = RequestValidator(contract, operation, typing.get_type_hints(handler))
        self._path = {"id": _ID} if "{id}" in operation.path else {}
        self._catalogue = ProblemCatalogue(contract)

    def refusal(self, raw: bytes) -> Problem | None:
        """Check a body. Compute the fingerprint of a valid one, and the problem of any other."""
        problem = self._problem(raw)
        if problem is not None:
            self._catalogue.render(problem, path="/", request_id="x")
        return problem

    def _problem(self, raw: bytes) -> Problem | None:
        try:
            body = parse(raw, whole_as_integer=True)
        except MalformedJsonError as error:
            return Problem("malformed_json", str(error))
        received = RawRequest(self._path, MultiDict(), Headers(), body)
        arguments, faults = self._check.arguments(received)
        if faults:
            return invalid_request(faults)
        msgspec.json.encode(arguments["body"])
        return None

    def cost(self, raw: bytes) -> float:
        """Return the CPU time in seconds that a body takes."""
        return least(lambda: self.refusal(raw), 1)


class Yardstick(NamedTuple):
    """The most expensive valid body, and how it is checked."""

    gate: Gate
    raw: bytes

    @property
    def cost(self) -> float:
        return least(lambda: self.gate.refusal(self.raw), 5)

    def ratio(self, gate: Gate, raw: bytes) -> float:
        """Return the cost of another body in multiples of the yardstick. The two runs alternate."""
        costs = [(least(lambda: gate.refusal(raw), 1), self.cost) for _ in range(5)]
        return min(other for other, _ in costs) / min(own for _, own in costs)


def yardstick_of(contract: Document) -> Yardstick:
    (batch,) = (each for each in operations(contract) if each.id == "batchTasks")
    raw = json.dumps(LONGEST, ensure_ascii=False).encode()
    assert MAX_BODY_BYTES * 0.95 < len(raw) <= MAX_BODY_BYTES
    gate = Gate(contract, batch)
    assert gate.refusal(raw) is None
    return Yardstick(gate, raw)


@pytest.fixture(scope="module")
def yardstick(contract: Document, untraced: None) -> Yardstick:  # noqa: ARG001 - it must come first
    return yardstick_of(contract)


def gate_of(contract: Document, id_: str) -> Gate:
    (operation,) = (each for each in operations(contract) if each.id == id_)
    return Gate(contract, operation)


def worst_body(contract: Document, yardstick: Yardstick, id_: str) -> tuple[float, Body]:
    """Search for the worst body. Return the ratio of its cost, and a description."""
    random = Random(SEED)  # noqa: S311 - it must be repeatable
    (operation,) = (each for each in operations(contract) if each.id == id_)
    assert operation.body is not None
    seeds = [
        Body(shape_of(contract, operation.body.schema, random), strict_json.MAX_VALUES)
        for _ in range(3)
    ]
    gate = gate_of(contract, id_)
    enough = 1.5 * MOST * yardstick.cost
    found = worst(
        seeds, mutated, lambda body: gate.cost(body.raw), random, steps=STEPS, enough=enough
    )
    return yardstick.ratio(gate, found.candidate.raw), found.candidate


def test_every_operation_with_a_body_is_searched(contract: Document) -> None:
    assert {each.id for each in operations(contract) if each.body} == set(WITH_BODY)


@pytest.mark.parametrize("id_", WITH_BODY)
def test_the_worst_body_costs_little_more_than_a_valid_one(
    contract: Document,
    yardstick: Yardstick,
    id_: str,
    record_property: Callable[[str, object], None],
) -> None:
    ratio, body = worst_body(contract, yardstick, id_)
    words = f"{id_}: the worst body costs {ratio:.1f} valid batches, {body}"
    record_property(REPORTED, words)
    assert ratio <= MOST, f"seed {SEED}, {words}"


def every_fault_at_once(self: BodyValidator, sent: JsonValue) -> Iterator[Violation]:
    for error in self._validator.iter_errors(sent):
        yield from violations_of(error, (), {})


def test_the_search_finds_huge_integers_and_all_errors_at_once(
    contract: Document,
    yardstick: Yardstick,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(strict_json, "MAX_EXACT", 10**308)
    monkeypatch.setattr(BodyValidator, "violations", every_fault_at_once)
    ratio, body = worst_body(contract, yardstick, "batchTasks")
    record_property(REPORTED, f"A planted weakness costs {ratio:.1f} valid batches, {body}")
    monkeypatch.undo()
    strict = yardstick.ratio(gate_of(contract, "batchTasks"), body.raw)
    assert ratio > 3 * strict
