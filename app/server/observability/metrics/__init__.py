"""Prometheus metrics: every serving process records them, and one process exposes their sum."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from ...workers.tally import WorkerTally

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable with the folder of the metrics, for all processes and the library."""


class MetricsError(Exception):
    """There is no writable folder for the metrics. The message says what to do."""


@contextmanager
def serve_metrics(bind: str | None, workers: WorkerTally) -> Iterator[None]:
    """Record metrics in every process, and serve their sum at `bind` (HOST:PORT).

    Do nothing if `bind` is None. Processes that this one starts inherit the folder through the
    environment. The metrics of the workers are read from `workers`.

    Raises `BindError` if the address is in use, and `MetricsError` without a writable folder.
    """
    if bind is None:
        yield
        return
    # Optional dependency: import it only if metrics are enabled, to save its memory.
    from .exposition import serve  # noqa: PLC0415

    with _temporary_folder() as folder, serve(bind, folder, workers):
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
