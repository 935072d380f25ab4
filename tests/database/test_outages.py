"""An outage is logged as a warning for each reason, and a line when it is over."""

import pytest
import structlog
from structlog.testing import capture_logs

from app.database.driver import outages
from app.database.driver.outages import CALM_SECONDS, Outage


def test_an_outage_is_logged_once_at_its_beginning_and_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A command that another test ran in this process may have configured this logger.
    monkeypatch.setattr(outages, "logger", structlog.get_logger())
    now = 0.0
    outage = Outage("database", lambda: now)
    with capture_logs() as logs:
        outage.succeeded()
        for _ in range(3):
            outage.failed("too many connections")
            outage.succeeded()
        outage.failed("unreachable")
        now = CALM_SECONDS + 1
        outage.succeeded()
        outage.succeeded()
    assert [(each["event"], each.get("reason")) for each in logs] == [
        ("database unavailable", "too many connections"),
        ("database unavailable", "unreachable"),
        ("database available again", None),
    ]
    assert logs[-1]["failures"] == 4
