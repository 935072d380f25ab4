"""Write one structured log line for each event to standard error."""

import json
import logging
import sys
from contextlib import suppress
from typing import Literal, TextIO

import msgspec
import structlog

from .journal import leads_to_journal, with_priority

LogFormat = Literal["console", "json"]

# Alembic logs its database and its plugins on each use. httpx logs each request. OpenTelemetry
# warns about a malformed `tracestate` and quotes it, so a client could write to the log.
_LEAST = {
    "alembic": logging.WARNING,
    "httpx": logging.WARNING,
    "opentelemetry.trace": logging.ERROR,
}


def configure_logs(level: str, log_format: LogFormat | None) -> None:
    """Configure structlog and the standard library to write log lines in the same format.

    If `log_format` is None, the format is `console` on a terminal and `json` elsewhere.
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
        # Bypass the standard library: its record of a request takes longer than checking a token.
        processors=[*shared, *_renderers(chosen, stream)],
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
                *_renderers(chosen, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for talkative, least in _LEAST.items():
        logging.getLogger(talkative).setLevel(least)


class _Logger(structlog.WriteLogger):
    """Drops lines that cannot be written, as on a full disk, so that the service continues.

    This overrides structlog's `WriteLogger`, which raises `OSError` then.
    """

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _renderers(log_format: LogFormat, stream: TextIO) -> list[structlog.typing.Processor]:
    """Return the processors that make the text of a line."""
    if log_format == "json":
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer(_json)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    return [renderer, _add_priority] if leads_to_journal(stream) else [renderer]


def _add_priority(_: object, method: str, text: object) -> str:
    return with_priority(method, str(text))


def _json(event: object, **_: object) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except UnicodeEncodeError:
        # The text has unpaired surrogates. msgspec cannot encode them; `json` escapes them.
        return json.dumps(event, default=repr)
