"""Log lines that cannot be written."""

import json
import logging
import os
import sys
from contextlib import suppress

import pytest
import structlog

from app.server.observability.logs import configure_logs


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_that_cannot_be_written_is_lost_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    root = logging.getLogger()
    before = root.handlers, root.level, structlog.get_config()
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
        root.handlers, root.level = before[0], before[1]
        structlog.configure(**before[2])
        with suppress(BrokenPipeError):
            stream.close()


def test_a_text_with_unpaired_surrogates_is_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = root.handlers, root.level, structlog.get_config()
    try:
        configure_logs("info", "json")
        structlog.get_logger("fresh").info("request", path="\ud800")
    finally:
        root.handlers, root.level = before[0], before[1]
        structlog.configure(**before[2])
    assert json.loads(capsys.readouterr().err)["path"] == "\ud800"
