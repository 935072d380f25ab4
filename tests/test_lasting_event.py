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

    with structlog.testing.capture_logs() as lines:
        for _ in range(20):
            event.occurs(limit=7)
            await asyncio.sleep(0.02)
        assert lines == [begins]
        await asyncio.sleep(0.8)
        assert lines == [begins, over(20)]
        event.occurs(limit=7)
        assert lines == [begins, over(20), begins]
        await asyncio.sleep(0.8)
    assert lines == [begins, over(20), begins, over(1)]


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
