"""What stands twice, in the contract and in Python, is the same."""

from typing import Any

import msgspec
import pytest

from app import MAX_BODY_BYTES
from app.contract.document import ContractError, Document
from app.contract.faults import MAX_FAULTS, Fault
from app.contract.problems import ProblemCatalogue, ProblemDocument
from app.contract.requests import MAX_PARAMETERS
from app.server.guard import MAX_HEADER_BYTES, MAX_TARGET_BYTES
from app.server.health import Liveness, Readiness, ReadinessChecks
from app.strict_json import MAX_DEPTH, MAX_VALUES
from app.tasks import schemas
from app.tasks.models import tasks

CARRIERS: dict[str, type[msgspec.Struct]] = {
    each.__name__: each
    for each in (
        schemas.Completion,
        schemas.CreateOperation,
        schemas.DeleteOperation,
        schemas.Me,
        schemas.OperationResult,
        schemas.Task,
        schemas.TaskBatch,
        schemas.TaskBatchResult,
        schemas.TaskInput,
        schemas.TaskPage,
        schemas.TaskPatch,
        schemas.UpdateOperation,
        Fault,
        Liveness,
        Readiness,
        ReadinessChecks,
    )
} | {"Problem": ProblemDocument}
# The binding fills in the contract's default, so the carrier need not have one.
FILLED_IN = {"Completion": {"completed"}}
# A constant of the contract is the carrier's default.
CONSTANT = {"Liveness": {"status"}, "Readiness": {"status"}}
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list}


def schema_of(contract: Document, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = contract.tree["components"]["schemas"][name]
    return schema


@pytest.mark.parametrize("name", CARRIERS)
def test_a_carrier_has_the_members_of_its_schema(contract: Document, name: str) -> None:
    schema, fields = schema_of(contract, name), msgspec.structs.fields(CARRIERS[name])
    # The tag of a union is no field: msgspec reads and writes it by itself.
    tag = CARRIERS[name].__struct_config__.tag_field
    tagged = [tag] if tag else []
    assert [*tagged, *(field.name for field in fields)] == list(schema["properties"])
    required = {field.name for field in fields if field.required} | CONSTANT.get(name, set())
    required.update(tagged)
    assert required == set(schema.get("required", [])) | FILLED_IN.get(name, set())


def test_a_task_has_the_columns_of_its_table(contract: Document) -> None:
    assert set(tasks.c.keys()) == set(schema_of(contract, "Task")["properties"])


def test_nullable_columns_are_nullable_members(contract: Document) -> None:
    for name, schema in schema_of(contract, "Task")["properties"].items():
        resolved = contract.resolve(schema)
        nullable = "null" in str(resolved.get("type", "")) + str(resolved.get("oneOf", ""))
        assert tasks.c[name].nullable == nullable, name


def test_limits_in_prose_are_the_limits_of_the_code(contract: Document) -> None:
    prose = " ".join(contract.tree["info"]["description"].split())
    assert f"{MAX_DEPTH} levels" in prose
    assert f"{MAX_VALUES:,} values" in prose
    assert f"at most {MAX_BODY_BYTES // 1024} KiB" in prose
    assert f"target has at most {MAX_TARGET_BYTES // 1024} KiB" in prose
    assert f"{MAX_PARAMETERS} query parameters" in prose
    assert f"up to the first {MAX_FAULTS}" in prose
    assert f"header section at most {MAX_HEADER_BYTES // 1024} KiB" in prose
    faults = schema_of(contract, "Problem")["properties"]["errors"]
    assert faults["maxItems"] == MAX_FAULTS


def test_every_problem_of_the_contract_says_its_status(contract: Document) -> None:
    for code, kind in ProblemCatalogue(contract).kinds.items():
        assert 400 <= kind.status < 600, code
        assert kind.title
        assert kind.description


def test_codes_that_are_described_and_codes_that_are_listed_must_agree() -> None:
    raw = b"""
    paths: {}
    components:
      schemas:
        ProblemCode: {enum: [a], x-problems: {b: {status: 400, title: B, description: B}}}
    """
    with pytest.raises(ContractError, match="do not name the same codes"):
        ProblemCatalogue(Document(raw))
