"""Fixtures: a server with metrics."""

from collections.abc import Iterator

import httpx
import pytest
from limits import parse

from app import create_app
from app.server.observability.metrics import sampling, serve_metrics
from app.server.workers.tally import WorkerTally
from app.settings import Settings
from tests.support.live_server import LiveServer, live
from tests.support.metrics import Scrape, scrape_until
from tests.support.ports import free_port

LIMIT = 30


@pytest.fixture(scope="module")
def bind() -> str:
    """Return the address of the metrics."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def settings(settings: Settings, bind: str) -> Settings:
    limit = parse(f"{LIMIT}/minute")
    return settings.model_copy(update={"metrics_bind": bind, "rate_limit": limit})


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[LiveServer]:
    """Serve with metrics."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "SAMPLE_SECONDS", 0.05)
        with (
            serve_metrics(settings.metrics_bind, WorkerTally()),
            live(create_app(settings)) as running,
        ):
            yield running


@pytest.fixture
async def scraped(client: httpx.AsyncClient, bind: str) -> Scrape:
    """Return all metrics after one request."""
    await client.get("/api/me")
    return scrape_until(bind, lambda found: "taskward_requests_total" in found.names)
