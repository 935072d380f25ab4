"""A limit that is reached is one log line, and so is its end."""

import pytest
import structlog
from limits import parse

from app import create_app, lasting_event
from app.server.observability.rejections import REASONS
from app.settings import Settings
from quart_contract.document import Document
from tests.support.clients import sync_client
from tests.support.live_server import live
from tests.support.waiting import wait_until


def test_a_limit_that_is_reached_is_logged_once_with_the_user(
    settings: Settings, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting_event, "QUIET_SECONDS", 0.5)
    limits = {"max_tasks_per_user": 1, "rate_limit": parse("5/minute")}
    with (
        structlog.testing.capture_logs() as lines,
        live(create_app(settings.model_copy(update=limits))) as server,
        sync_client(server, user) as client,
    ):
        create = {"op": "create", "task": {"title": "secret plan"}}
        batch = {"mode": "each", "operations": [create, create]}
        results = client.post("/api/tasks/batch", json=batch).json()["results"]
        statuses = [each["status"] for each in results]
        statuses += [
            client.post("/api/tasks", json={"title": "secret plan"}).status_code for _ in range(5)
        ]
        forged = {"Authorization": "Bearer a.b.c"}
        statuses += [client.get("/api/me", headers=forged).status_code for _ in range(6)]
        wait_until(lambda: sum(line["event"] == "requests accepted again" for line in lines) == 2)
    assert statuses == [201, 409, 409, 409, 409, 409, 429, 401, 401, 401, 401, 401, 429]
    rejected = [line for line in lines if line["event"] == "requests rejected"]
    assert [(line["code"], line["user"], line["log_level"]) for line in rejected] == [
        ("task_quota_reached", user, "warning"),
        ("rate_limited", user, "warning"),
    ]
    assert rejected[0]["reason"] == "a user has MAX_TASKS_PER_USER tasks"
    times = [line["times"] for line in lines if line["event"] == "requests accepted again"]
    assert sorted(times) == [2, 5]
    assert "secret plan" not in str(lines)
    assert "a.b.c" not in str(lines)


def test_the_observed_codes_are_of_the_contract(contract: Document) -> None:
    assert {*contract.tree["components"]["schemas"]["ProblemCode"]["enum"]} >= REASONS.keys()
