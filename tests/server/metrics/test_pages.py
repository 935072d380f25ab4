"""The dashboard and the reference page name the metrics that exist."""

import json
import re

from tests.support.folders import ROOT
from tests.support.metrics import Scrape


async def test_the_dashboard_shows_exactly_the_existing_metrics(
    scraped: Scrape,
) -> None:
    dashboard = (ROOT / "deploy" / "grafana-dashboard.json").read_text()
    json.loads(dashboard)
    asked_for = {*re.findall(r"\b(?:taskward|process)_\w+", dashboard)}
    assert asked_for <= scraped.names
    # An address space says nothing that an operator can act on.
    shown = {family_of(name) for name in asked_for} | {"process_virtual_memory_bytes"}
    assert shown == {family_of(name) for name in scraped.names}
    labels = {name for _, pairs in scraped for name, _ in pairs}
    known = {"job", *labels}  # Prometheus itself adds the job
    assert {*re.findall(r"[{,] ?(\w+)[=!]~?\\\"", dashboard)} <= known
    for group in re.findall(r"by \(([\w, ]+)\)", dashboard):
        assert {*group.split(", ")} <= known


async def test_each_metric_is_explained_with_its_kind_and_labels(scraped: Scrape) -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    explained = {
        name: (kind, {*re.findall(r"`(\w+)`", labels)})
        for name, kind, labels in re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|([^|]*)\|", page)
    }
    labels: dict[str, set[str]] = {}
    for name, pairs in scraped:
        labels.setdefault(family_of(name), set()).update(label for label, _ in pairs)
    assert explained == {
        name: (scraped.kinds[name], found - {"le"}) for name, found in labels.items()
    }


def family_of(name: str) -> str:
    """Return the name of the histogram that has this value, or the name itself otherwise."""
    return re.sub(r"_(bucket|sum|count)$", "", name)
