"""Read metrics as Prometheus does."""

import time
from collections.abc import Callable, Iterator

import httpx
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


class Scrape(dict[tuple[str, Labels], float]):
    """The values of metrics, by name and labels."""

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
    return Scrape(
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }
    )


def scrape_until(bind: str, holds: Callable[[Scrape], bool]) -> Scrape:
    """Read until a condition is true: metrics are recorded after the response."""
    deadline = time.monotonic() + 30
    while not holds(found := scrape(bind)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found
