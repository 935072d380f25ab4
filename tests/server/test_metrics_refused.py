"""Settings for metrics that cannot work are reported."""

import tempfile

import pytest

from app.server.http.listener import BindError
from app.server.observability.metrics import MetricsError, serve_metrics
from app.server.workers.tally import WorkerTally


@pytest.mark.parametrize("bind", ["a..example:8001", "fd://3"])
def test_an_address_without_a_possible_host_is_refused(bind: str) -> None:
    with (
        pytest.raises(BindError, match="METRICS_BIND: cannot listen"),
        serve_metrics(bind, WorkerTally()),
    ):
        pass


def test_metrics_without_a_temporary_folder_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with (
        pytest.raises(MetricsError, match="--tmpfs /tmp"),
        serve_metrics("127.0.0.1:0", WorkerTally()),
    ):
        pass
