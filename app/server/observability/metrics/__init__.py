"""Prometheus metrics: every process that answers records, and one of them exposes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder of this service's metrics to each of its processes, and to the library."""


class MetricsError(Exception):
    """There is no place to record in; the message says what to do."""


@contextmanager
def exposed(bind: str | None) -> Iterator[None]:
    """Let processes record, and tell what all of them have at HOST:PORT; without one, nothing.

    Processes that this one starts inherit the folder, by the environment. Raises `BindError`, and
    `MetricsError`.
    """
    if bind is None:
        yield
        return
    # Who does not measure need not hold the library in memory, either.
    from app.server.observability.metrics.exposition import serve  # noqa: PLC0415

    with _temporary_folder() as folder, serve(bind, folder):
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def _temporary_folder() -> "TemporaryDirectory[str]":
    try:
        return TemporaryDirectory(prefix="taskward-metrics-")
    except OSError as error:
        raise MetricsError(
            f"METRICS_BIND: metrics need a writable folder for temporary files ({error}). "
            "Set TMPDIR to one, or start the container with --tmpfs /tmp."
        ) from None
