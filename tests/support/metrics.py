"""Read metrics as Prometheus does."""

import time
from collections.abc import Callable, Iterator

import httpx
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


class Scrape(dict[tuple[str, Labels], float]):
    """The values of metrics, by name and labels."""

    kinds: dict[str, str]
    """The type of each metric: `counter`, `gauge` or `histogram`."""

    def value(self, name: str, **labels: str) -> float:
        """Return a value, or 0 if nothing was counted yet."""
        return self.get((name, tuple(sorted(labels.items()))), 0)

    def of(self, name: str) -> Iterator[tuple[Labels, float]]:
        """Return all values of a name."""
        return ((labels, value) for (each, labels), value in self.items() if each == name)

    @property
    def names(self) -> set[str]:
        """Return the names of all values."""
        return {name for name, _ in self}


def scrape(bind: str) -> Scrape:
    """Read all metrics of HOST:PORT."""
    response = httpx.get(f"http://{bind}/metrics").raise_for_status()
    families = [*text_string_to_metric_families(response.text)]
    found = Scrape(
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
    )
    found.kinds = {
        f"{each.name}_total" if each.type == "counter" else each.name: each.type
        for each in families
    }
    return found


def scrape_until(bind: str, holds: Callable[[Scrape], bool]) -> Scrape:
    """Read until a condition is true: metrics are recorded after the response."""
    deadline = time.monotonic() + 30
    while not holds(found := scrape(bind)):
        counted = {key: value for key, value in found.items() if value}
        assert time.monotonic() < deadline, counted
        time.sleep(0.02)
    return found
