"""Fingerprints that are stored stay valid in later versions."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.tasks.idempotency import fingerprint_of
from app.tasks.own_ids import fingerprint_of as fingerprint_of_content
from app.tasks.schemas import TaskBatch, TaskInput

ID = "0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"


@pytest.mark.parametrize(
    ("kind", "body", "hashed"),
    [
        (TaskInput, {"title": "x"}, '{"title":"x","description":null,"due_at":null}'),
        (
            TaskBatch,
            {"operations": [{"op": "create", "task": {"title": "x"}}, {"op": "delete", "id": ID}]},
            (
                '{"operations":[{"op":"create","task":{"title":"x","description":null,"due_at":null}'
                f'}},{{"op":"delete","id":"{ID}","revision":null}}]}}'
            ),
        ),
    ],
)
def test_a_request_has_the_fingerprint_of_version_0_2(
    kind: type[msgspec.Struct], body: dict[str, Any], hashed: str
) -> None:
    fingerprint = fingerprint_of(msgspec.convert(body, kind))
    assert fingerprint == hashlib.sha256(hashed.encode()).digest()


def test_the_fingerprint_of_a_change_includes_the_task() -> None:
    body = msgspec.convert({"title": "x"}, TaskInput)
    assert len({fingerprint_of(body), fingerprint_of(body, UUID(ID)), fingerprint_of(None)}) == 3


@pytest.mark.parametrize(
    ("body", "hashed"),
    [
        ({"id": ID, "title": "x"}, '{"title":"x"}'),
        ({"title": "x", "labels": [], "extra": {}, "priority": "none"}, '{"title":"x"}'),
        (
            {"title": "x", "due_at": "2026-12-01T09:00:00+01:00", "extra": {"b": 1, "a": 2}},
            '{"due_at":"2026-12-01T08:00:00Z","extra":{"a":2,"b":1},"title":"x"}',
        ),
    ],
)
def test_a_new_field_does_not_change_the_fingerprint_of_content(
    body: dict[str, Any], hashed: str
) -> None:
    content = msgspec.convert(body, TaskInput)
    fingerprint = fingerprint_of_content(content.fields)
    assert fingerprint == hashlib.sha256(hashed.encode()).digest()
