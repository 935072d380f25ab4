"""What lasts is logged when it begins and when it is over, however often it occurs."""

import asyncio
from contextvars import copy_context

import pytest
import structlog

from app import lasting_event
from app.lasting_event import LastingEvent


async def test_an_event_is_logged_when_it_begins_and_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lasting_event, "QUIET_SECONDS", 0.3)
    event = LastingEvent("app", "limit reached", "limit no longer reached", scope="all")
    begins = {"scope": "all", "limit": 7, "event": "limit reached", "log_level": "warning"}

    def over(times: int) -> dict[str, object]:
        event = "limit no longer reached"
        return {"scope": "all", "times": times, "event": event, "log_level": "warning"}

    def seen() -> list[dict[str, object]]:
        return [{name: each[name] for name in each if name != "seconds"} for each in lines]

    with structlog.testing.capture_logs() as lines:
        for _ in range(20):
            event.occurs(limit=7)
            await asyncio.sleep(0.02)
        assert seen() == [begins]
        await asyncio.sleep(0.8)
        assert seen() == [begins, over(20)]
        event.occurs(limit=7)
        assert seen() == [begins, over(20), begins]
        await asyncio.sleep(0.8)
    assert seen() == [begins, over(20), begins, over(1)]


async def test_the_end_is_not_logged_as_of_the_request_that_began_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lasting_event, "QUIET_SECONDS", 0.05)
    event = LastingEvent("app", "begins", "ends")
    context = copy_context()
    context.run(structlog.contextvars.bind_contextvars, request_id="of the first")
    processors = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=processors) as lines:
        context.run(event.occurs)
        await asyncio.sleep(0.3)
    assert [line.get("request_id") for line in lines] == ["of the first", None]


def test_an_event_is_over_with_a_success_after_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    event = LastingEvent("app", "unavailable", "available again", until_success=True)
    with structlog.testing.capture_logs() as lines:
        event.succeeded()
        for _ in range(3):
            event.occurs("too many connections")
            event.succeeded()
        event.occurs("unreachable")
        monkeypatch.setattr(lasting_event, "CALM_SECONDS", 0)
        event.succeeded()
        event.succeeded()
    assert [(each["event"], each.get("reason")) for each in lines] == [
        ("unavailable", "too many connections"),
        ("unavailable", "unreachable"),
        ("available again", None),
    ]
    assert lines[-1]["times"] == 4


def test_the_reasons_of_an_event_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting_event, "CALM_SECONDS", 0)
    event = LastingEvent("app", "unavailable", "available again", until_success=True)
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            for number in range(1000):
                event.occurs(f"reason {number}")
            event.succeeded()
    assert [each["event"] for each in lines] == [
        *["unavailable"] * lasting_event.MAX_REASONS,
        "available again",
    ] * 2
