"""The benchmark sums its samples up correctly."""

from xml.etree import ElementTree as ET

from bench.plot import plot
from bench.report import rows, table
from bench.samples import Sample

TITLES = {"taskward": "Taskward", "other": "Other", "empty": "Hypercorn"}
SAMPLES = [
    Sample(1, "taskward", "list", 300, p50_ms=1, p99_ms=9, cpu_ms=0.5, peak_mb=80),
    Sample(1, "other", "list", 100, p50_ms=3, p99_ms=7, cpu_ms=1.5, peak_mb=90),
    Sample(2, "other", "list", 200, p50_ms=4, p99_ms=8, cpu_ms=2.5, peak_mb=95),
    Sample(2, "taskward", "list", 200, p50_ms=2, p99_ms=8, cpu_ms=0.7, peak_mb=85),
    Sample(1, "empty", "anything", 5000),
]


def test_a_ratio_is_of_the_rates_of_one_round() -> None:
    _, other, _ = rows(SAMPLES, [*TITLES])
    assert other.ratios == [3, 1]
    assert other.cpu_ratios == [3, 2.5 / 0.7]


def test_the_table_has_a_line_for_every_system_and_operation() -> None:
    _, _, *lines = table(SAMPLES, TITLES).splitlines()
    ours, other, limit = lines
    assert ours == "| list | **Taskward** | 250 (200–300) | 1.5 | 8.5 | 0.60 | 85 |  |  |"  # noqa: RUF001
    assert other.startswith("| list | Other | 150 (100–200) | 3.5 | 7.5 | 2.00 | 95 | ")  # noqa: RUF001
    assert other.endswith("| 2.00 (1.00–3.00) | 3.29 (3.00–3.57) |")  # noqa: RUF001
    assert limit == "| anything | Hypercorn | 5,000 (5,000–5,000) |  |  |  |  |  |  |"  # noqa: RUF001


def test_the_plot_shows_every_system() -> None:
    drawing = ET.fromstring(plot(SAMPLES, TITLES))  # noqa: S314 - it is our own
    shown = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {*TITLES.values(), "250", "150", "5,000", "1,000"} <= {*shown}
