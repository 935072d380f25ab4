"""The gate, for what the contract could say and does not say today: headers, required queries."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from werkzeug.datastructures import Headers, MultiDict

from app.contract.checks import RequestCheck, is_instant
from app.contract.document import Document
from app.contract.faults import Fault
from app.contract.operations import operations
from app.contract.requests import Received

CONTRACT = Document(
    b"""
paths:
  /things:
    get:
      operationId: findThings
      parameters:
        - {name: since, in: query, required: true, schema: {type: integer, minimum: 1}}
        - {name: If-Match, in: header, schema: {type: string, pattern: '^"[0-9]+"$'}}
        - {name: size, in: query, schema: {type: integer, multipleOf: 5, default: 10}}
      responses: {"204": {description: None.}}
"""
)
(OPERATION,) = operations(CONTRACT)
TYPES: Mapping[str, Any] = {"since": int, "if_match": str | None, "size": int}


def check(
    query: list[tuple[str, str]], headers: list[tuple[str, str]] | None = None
) -> tuple[dict[str, Any], list[Fault]]:
    received = Received({}, MultiDict(query), Headers(headers or []), msgspec.UNSET)
    return RequestCheck(CONTRACT, OPERATION, TYPES).arguments(received)


def test_what_fits_becomes_typed_arguments_and_defaults_are_the_contracts() -> None:
    assert check([("since", "7")]) == ({"since": 7, "if_match": None, "size": 10}, [])
    arguments, _ = check([("since", "7")], [("if-match", '"3"')])
    assert arguments["if_match"] == '"3"'


def test_faults_of_headers_and_queries_are_named_together() -> None:
    headers = [("If-Match", "3")]
    assert check([("size", "7"), ("sinse", "1")], headers) == (
        {},
        [
            Fault(parameter="sinse", detail="is an unknown parameter"),
            Fault(parameter="since", detail="is required"),
            Fault(header="If-Match", detail='does not match ^"[0-9]+"$'),
            Fault(parameter="size", detail="is not a multiple of 5"),
        ],
    )


def test_a_header_that_is_sent_twice_is_a_fault() -> None:
    _, faults = check([("since", "7")], [("If-Match", '"3"'), ("If-Match", '"3"')])
    assert faults == [Fault(header="If-Match", detail="must not be repeated")]


@pytest.mark.parametrize(
    ("text", "exists"),
    [
        ("2026-12-01T09:00:00Z", True),
        ("2026-12-01t09:00:00z", True),
        ("2024-02-29T23:59:59.999999+23:59", True),
        ("2023-02-29T00:00:00Z", False),
        ("2016-12-31T23:59:60Z", False),
        ("2026-12-01T24:00:00Z", False),
        ("2026-12-01T09:00:00", False),
        ("2026-12-01", False),
        ("0001-01-01T00:00:00+00:01", False),
        ("9999-12-31T23:59:59-00:01", False),
        ("", False),
    ],
)
def test_an_instant_is_one_that_exists_in_utc(text: str, exists: bool) -> None:
    assert is_instant(text) is exists
