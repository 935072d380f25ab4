"""Values that are both in the contract and in Python are equal."""

from typing import Any

import pytest
from sqlalchemy import CheckConstraint

from app import MAX_BODY_BYTES
from app.server.middleware.request_guard import MAX_HEADER_BYTES, MAX_TARGET_BYTES
from app.tasks.fields import MAX_EXTRA_BYTES, PRIORITIES
from app.tasks.models import tasks
from app.tasks.schemas import DEFAULTS
from quart_contract.document import ContractError, Document
from quart_contract.problems import ProblemCatalogue
from quart_contract.requests import MAX_PARAMETERS
from quart_contract.strict_json import MAX_DEPTH, MAX_VALUES
from quart_contract.violations import MAX_VIOLATIONS


def schema_of(contract: Document, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = contract.tree["components"]["schemas"][name]
    return schema


def test_a_task_has_the_columns_of_its_table(contract: Document) -> None:
    assert set(tasks.c.keys()) - {"fingerprint"} == set(schema_of(contract, "Task")["properties"])


def test_priorities_are_stored_in_the_order_of_the_contract(contract: Document) -> None:
    assert list(PRIORITIES) == schema_of(contract, "TaskPriority")["enum"]
    assert DEFAULTS["priority"] == PRIORITIES[0]


def test_extra_has_one_limit(contract: Document) -> None:
    assert schema_of(contract, "Extra")["x-max-json-bytes"] == MAX_EXTRA_BYTES
    checks = [str(each.sqltext) for each in tasks.constraints if isinstance(each, CheckConstraint)]
    assert f"octet_length(extra::text) <= {MAX_EXTRA_BYTES}" in checks


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
    assert f"up to the first {MAX_VIOLATIONS}" in prose
    assert f"header section at most {MAX_HEADER_BYTES // 1024} KiB" in prose
    faults = schema_of(contract, "Problem")["properties"]["errors"]
    assert faults["maxItems"] == MAX_VIOLATIONS


def test_every_problem_of_the_contract_says_its_status(contract: Document) -> None:
    for code, kind in ProblemCatalogue(contract).kinds.items():
        assert 400 <= kind.status < 600, code
        assert kind.title
        assert kind.description


def test_described_codes_and_listed_codes_must_agree() -> None:
    raw = b"""
    paths: {}
    components:
      schemas:
        ProblemCode: {enum: [a], x-problems: {b: {status: 400, title: B, description: B}}}
    """
    with pytest.raises(ContractError, match="do not name the same codes"):
        ProblemCatalogue(Document(raw))
