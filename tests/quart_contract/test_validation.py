"""Request checks that Taskward's contract does not need today: headers, required queries."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from werkzeug.datastructures import Headers, MultiDict

from quart_contract.document import ContractError, Document
from quart_contract.operations import operations, read_parameter
from quart_contract.requests import RawRequest
from quart_contract.schemas import is_instant
from quart_contract.validation import RequestValidator
from quart_contract.violations import Violation

CONTRACT = Document(
    b"""
paths:
  /things:
    delete:
      operationId: dropThings
      parameters:
        - {name: Only-Once, in: header, x-reject-elsewhere: true, schema: {type: string}}
      responses: {"204": {description: None.}}
    get:
      operationId: findThings
      parameters:
        - {name: since, in: query, required: true, schema: {type: integer, minimum: 1}}
        - {name: If-Match, in: header, schema: {type: string, pattern: '^"[0-9]+"$'}}
        - {name: size, in: query, schema: {type: integer, multipleOf: 5, default: 10}}
        - {name: exact, in: query, schema: {type: boolean}}
        - {name: ratio, in: query, schema: {type: number, maximum: 1}}
        - {name: depth, in: query, schema: {type: [integer, "null"], x-default: 3}}
        - {name: page, in: query, allowEmptyValue: true, schema: {type: integer, default: 1}}
        - name: tag
          in: query
          allowEmptyValue: true
          schema: {type: array, items: {enum: [a, b]}}
        - {name: label, in: query, schema: {type: array, maxItems: 2, items: {type: string}}}
        - name: codes
          in: query
          explode: false
          schema: {type: array, items: {type: integer}}
        - {name: before, in: query, schema: {$ref: "#/components/schemas/Instant"}}
        - name: instants
          in: query
          schema: {type: array, items: {$ref: "#/components/schemas/Instant"}}
        - {name: X-After, in: header, schema: {$ref: "#/components/schemas/Instant"}}
      responses: {"204": {description: None.}}
components:
  schemas:
    Instant: {type: string, format: date-time}
"""
)
ELSEWHERE, OPERATION = operations(CONTRACT)
TYPES: Mapping[str, Any] = {
    "since": int,
    "if_match": str | None,
    "size": int,
    "exact": bool | None,
    "ratio": float | None,
    "depth": int | None,
    "page": int,
    "tag": list[str] | None,
    "label": list[str] | None,
    "codes": list[int] | None,
    "before": datetime | None,
    "instants": list[datetime] | None,
    "x_after": datetime | None,
}
ABSENT = {"if_match": None, "size": 10, "depth": 3, "page": 1} | dict.fromkeys(
    ("exact", "ratio", "tag", "label", "codes", "before", "instants", "x_after")
)
INSTANT = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))


def check(
    query: list[tuple[str, str]], headers: list[tuple[str, str]] | None = None
) -> tuple[dict[str, Any], list[Violation]]:
    received = RawRequest({}, MultiDict(query), Headers(headers or []), msgspec.UNSET)
    return RequestValidator(CONTRACT, OPERATION, TYPES).arguments(received)


def test_valid_values_become_typed_arguments_with_defaults() -> None:
    assert check([("since", "7")]) == ({"since": 7, **ABSENT}, [])
    arguments, _ = check([("since", "7")], [("if-match", '"3"')])
    assert arguments["if_match"] == '"3"'


@pytest.mark.parametrize(
    ("sent", "arguments"),
    [
        ([("exact", "true")], {"exact": True}),
        ([("exact", "false")], {"exact": False}),
        ([("ratio", "0.5")], {"ratio": 0.5}),
        ([("ratio", "-1e-3")], {"ratio": -0.001}),
        ([("ratio", "1")], {"ratio": 1.0}),
        ([("depth", "")], {"depth": None}),
        ([("depth", "7")], {"depth": 7}),
        ([("page", "")], {"page": 1}),
        ([("page", "7")], {"page": 7}),
        ([("tag", ""), ("tag", "")], {"tag": None}),
        ([("tag", "a"), ("tag", "b")], {"tag": ["a", "b"]}),
        ([("label", "a"), ("label", "b,c")], {"label": ["a", "b,c"]}),
        ([("codes", "1,2,3")], {"codes": [1, 2, 3]}),
        ([("codes", "")], {"codes": []}),
        ([("before", "2026-01-01T00:00:00+01:00")], {"before": INSTANT}),
        # A plus sign that is not encoded arrives as a space.
        ([("before", "2026-01-01T00:00:00 01:00")], {"before": INSTANT}),
        ([("before", "2026-01-01T00:00:00.000 01:00")], {"before": INSTANT}),
        ([("instants", "2026-01-01T00:00:00 01:00")] * 2, {"instants": [INSTANT] * 2}),
    ],
)
def test_scalars_and_arrays_are_read(
    sent: list[tuple[str, str]], arguments: dict[str, Any]
) -> None:
    assert check([("since", "7"), *sent]) == ({"since": 7, **ABSENT, **arguments}, [])


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ([("exact", "True")], "is not a boolean"),
        ([("exact", "")], "is not a boolean"),
        ([("ratio", "1.5")], "is greater than 1"),
        ([("ratio", "nan")], "is not a number"),
        ([("ratio", "1e999")], "is not a number"),
        ([("ratio", "٣")], "is not a number"),
        ([("depth", "null")], "is not null or an integer"),
        ([("label", "a"), ("label", "b"), ("label", "c")], "has more than 2 items"),
        ([("codes", "1"), ("codes", "2")], "must not be repeated"),
        ([("codes", "1,x")], "is not an integer"),
        ([("page", ""), ("page", "7")], "must not be repeated"),
        ([("tag", ""), ("tag", "a")], "is not one of a, b"),
    ],
)
def test_a_text_that_is_no_value_of_the_type_is_a_fault(
    sent: list[tuple[str, str]], detail: str
) -> None:
    name = sent[0][0]
    assert check([("since", "7"), *sent]) == ({}, [Violation(parameter=name, detail=detail)])


def test_faults_of_headers_and_queries_are_named_together() -> None:
    headers = [("If-Match", "3")]
    assert check([("size", "7"), ("sinse", "1")], headers) == (
        {},
        [
            Violation(parameter="sinse", detail="is an unknown parameter"),
            Violation(parameter="since", detail="is required"),
            Violation(header="If-Match", detail='does not match ^"[0-9]+"$'),
            Violation(parameter="size", detail="is not a multiple of 5"),
        ],
    )


def test_a_header_that_is_sent_twice_is_a_fault() -> None:
    _, violations = check([("since", "7")], [("If-Match", '"3"'), ("If-Match", '"3"')])
    assert violations == [Violation(header="If-Match", detail="must not be repeated")]


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
        ("2026-12-01 09:00:00Z", False),
        ("2026-12-01T09:00:00+0100", False),
        ("2026-12-01T09:00:00.123456789Z", True),
        ("2026-12-01T09:00:00.1234567890Z", False),
        ("0001-01-01T00:00:00+00:01", False),
        ("9999-12-31T23:59:59-00:01", False),
        ("", False),
    ],
)
def test_an_instant_is_one_that_exists_in_utc(text: str, exists: bool) -> None:
    assert is_instant(text) is exists


def test_an_exclusive_header_is_rejected_elsewhere() -> None:
    _, violations = check([("since", "7")], [("only-once", "a")])
    assert violations == [
        Violation(header="Only-Once", detail="is not supported by this operation")
    ]
    received = RawRequest({}, MultiDict(), Headers([("Only-Once", "a")]), msgspec.UNSET)
    validator = RequestValidator(CONTRACT, ELSEWHERE, {"only_once": str | None})
    assert validator.arguments(received) == ({"only_once": "a"}, [])


def test_only_a_header_can_be_exclusive() -> None:
    query = {"name": "x", "in": "query", "x-reject-elsewhere": True, "schema": {"type": "string"}}
    with pytest.raises(ContractError, match="parameter x: x-reject-elsewhere is for headers only"):
        read_parameter(CONTRACT, query)
