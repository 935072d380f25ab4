"""Logs: one structured line for each event, on standard error."""

import json
import logging
import sys
from contextlib import suppress
from typing import Literal, TextIO

import msgspec
import structlog

LogFormat = Literal["console", "json"]

# Alembic tells which database it speaks to, each time that it is asked, and of its plugins; httpx
# tells of each request; and OpenTelemetry warns in the words of whoever sends a wrong `tracestate`.
_LEAST = {
    "alembic": logging.WARNING,
    "httpx": logging.WARNING,
    "opentelemetry.trace": logging.ERROR,
}


def configure_logs(level: str, log_format: LogFormat | None) -> None:
    """Write structlog's lines and the standard library's records in the same form.

    Without a format it is `console` on a terminal, else `json`.
    """
    stream = sys.stderr
    chosen = log_format or ("console" if stream.isatty() else "json")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        # Not through the standard library: its records would cost a request more than its token.
        processors=[*shared, _renderer(chosen, stream)],
        logger_factory=lambda *_: _Logger(stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(chosen, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for talkative, least in _LEAST.items():
        logging.getLogger(talkative).setLevel(least)


class _Logger(structlog.WriteLogger):
    """Loses a line that cannot be written, as on a full disk: no reason to stop serving."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _renderer(log_format: LogFormat, stream: TextIO) -> structlog.typing.Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(_json)
    return structlog.dev.ConsoleRenderer(colors=stream.isatty())


def _json(event: object, **_: object) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except UnicodeEncodeError:
        # A text with unpaired surrogates, which only escapes can say.
        return json.dumps(event, default=repr)
