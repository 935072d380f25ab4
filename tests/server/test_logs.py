"""Log lines of libraries, and lines that are hard to write."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
import structlog

from app.server.observability.logs import configure_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Restore the configuration of the log."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_that_cannot_be_written_is_lost_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", stream)
    try:
        configure_logs("info", log_format)  # type: ignore[arg-type]  # pytest gives strings
        logger = structlog.get_logger("fresh")
        for level in ("info", "warning", "error", "critical"):
            getattr(logger, level)("worker exited")
    finally:
        with suppress(BrokenPipeError):
            stream.close()


def test_a_text_with_unpaired_surrogates_is_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")
    structlog.get_logger("fresh").info("request", path="\ud800")
    assert json.loads(capsys.readouterr().err)["path"] == "\ud800"


def test_a_line_of_a_library_has_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    logging.getLogger("opentelemetry.exporter").warning("export failed: %s", "refused")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["event"]) == ("warning", "export failed: refused")
