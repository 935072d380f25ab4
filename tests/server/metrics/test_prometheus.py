"""A real Prometheus, configured as the guide says, has data for each expression."""

import json
import math
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from tests.support.folders import ROOT
from tests.support.live_server import LiveServer
from tests.support.ports import free_port
from tests.support.programs import program
from tests.support.tokens import bearer
from tests.support.waiting import wait_until

ALERTS = ROOT / "deploy" / "alerts.yaml"


@pytest.fixture
def prometheus(server: LiveServer, bind: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """Run Prometheus with the configuration of the guide, but scrape each second."""
    assert server.port
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    (block,) = re.findall(r"(?ms)^```yaml\n(.*?)^```$", page)
    config = yaml.safe_load(block)
    (job,) = config["scrape_configs"]
    assert (config["rule_files"], job["static_configs"]) == (
        ["alerts.yaml"],
        [{"targets": ["127.0.0.1:8001"]}],
    )
    config["rule_files"] = [str(ALERTS)]
    job["static_configs"] = [{"targets": [bind]}]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    options = {
        "config.file": file,
        "storage.tsdb.path": tmp_path / "data",
        "web.listen-address": address,
        "log.level": "error",
    }
    process = subprocess.Popen(
        [program("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    )
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1", timeout=10) as client:
            wait_until(lambda: _responds(client))
            yield client
    finally:
        process.terminate()
        process.wait()


def _responds(client: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return client.get("/status/buildinfo").status_code == 200
    return False


def dashboard_expressions() -> Iterator[str]:
    """Yield the expressions of the dashboard, with values for the variables of Grafana."""
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = re.sub(r"\$(job|operation)\b", ".*", target["expr"])
            yield expression.replace("$__rate_interval", "10s")


def alert_expressions() -> Iterator[str]:
    """Yield the conditions of the alerts. They return 0 or 1, where an alert returns nothing or 1.

    So they show whether there is data while no alert fires.
    """
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]:
        for condition in re.split(r"\s(?:and|unless)\s", rule["expr"]):
            yield re.sub(r"(==|[<>]) ", r"\1 bool ", condition)


def has_data(client: httpx.Client, expression: str) -> bool:
    """Return whether the expression has a value. Fail if it is not valid."""
    response = client.get("/query", params={"query": expression})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]["result"]
    return any(not math.isnan(float(each["value"][1])) for each in found)


def use(server: LiveServer) -> None:
    """Send requests of all kinds, as a user of its own."""
    with httpx.Client(base_url=server.base_url, headers=bearer(f"user-{uuid4()}")) as client:
        since = client.get("/api/tasks/changes").json()["next"]
        client.post("/api/tasks", json={"title": "x"})
        client.get("/api/tasks/changes", params={"since": since})
        client.get("/api/tasks?limit=0")
        client.get("/api/tasks", headers={"Authorization": "Bearer x"})
        client.get("/health/ready")


def test_each_expression_of_dashboard_and_alerts_has_data(
    prometheus: httpx.Client, server: LiveServer
) -> None:
    missing = {*dashboard_expressions(), *alert_expressions()}
    deadline = time.monotonic() + 60
    while missing and time.monotonic() < deadline:
        use(server)
        missing = {each for each in missing if not has_data(prometheus, each)}
        time.sleep(0.5)
    assert missing == set()
    (group,) = prometheus.get("/rules").json()["data"]["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    firing = {rule["name"] for rule in group["rules"] if rule["state"] == "firing"}
    assert firing == set()
