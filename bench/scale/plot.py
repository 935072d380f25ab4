"""The plot: a panel for each question, with its latencies by size, and the tolerance as a band."""

import math
from collections.abc import Sequence
from html import escape
from statistics import median

from bench.plot import STYLE
from bench.samples import Sample, spread
from bench.scale.flatness import TOLERANCE, Line, lines_of, places_of
from bench.scale.measurement import HEAVY

_COLUMNS, _WIDTH, _HEIGHT = 4, 220, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 204, 34, 136
_HEADROOM = 1.4
_OWN_STYLE = """
text { font-size: 11px } .band { fill: #0969da; opacity: 0.12 }
polyline { fill: none; stroke: #0969da; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { .band { fill: #4493f8 } polyline { stroke: #4493f8 } }
"""


def plot(samples: Sequence[Sample], sizes: Sequence[str]) -> str:
    """Return the SVG plot of all questions for ordinary users, and of the heavy user's pages."""
    lines = lines_of(samples, sizes)
    for system in dict.fromkeys(sample.system for sample in samples):
        if system.startswith(HEAVY):
            for prefix in ("list", "changes"):
                line = places_of(samples, system, prefix)
                lines.append(line._replace(question=f"{prefix}, one of {system.split()[-1]}"))
    panels = [
        f'<g transform="translate({_WIDTH * (number % _COLUMNS)} '
        f'{_HEIGHT * (number // _COLUMNS)})">{_panel(line)}</g>'
        for number, line in enumerate(lines)
    ]
    height = _HEIGHT * math.ceil(len(lines) / _COLUMNS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_COLUMNS * _WIDTH} {height}"'
        ' role="img"><title>Latency by the number of tasks: median, least and greatest of all'
        f" rounds, and the first within {TOLERANCE:.0%}</title>"
        f"<style>{STYLE}{_OWN_STYLE}</style>\n" + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(line: Line) -> str:
    times = list(line.times.values())
    base = median(times[0])
    top = max(base * _HEADROOM, *(max(each) for each in times))

    def y(time: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * time / top

    step = (_RIGHT - _LEFT) / len(times)
    places = [_LEFT + step * (number + 0.5) for number in range(len(times))]
    upper, lower = (y(base * (1 + sign * TOLERANCE)) for sign in (1, -1))
    band = (
        f'<rect class="band" x="{_LEFT}" width="{_RIGHT - _LEFT}" y="{upper:.1f}"'
        f' height="{lower - upper:.1f}"/>'
    )
    course = " ".join(
        f"{x:.1f},{y(median(each)):.1f}" for x, each in zip(places, times, strict=True)
    )
    points = [
        _point(label, each, x, y(median(each)), (y(min(each)), y(max(each))))
        for (label, each), x in zip(line.times.items(), places, strict=True)
    ]
    return (
        f'<text class="head" x="{_LEFT}" y="18">{escape(line.question)}, ms</text>{band}'
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{_BOTTOM}" y2="{_BOTTOM}"/>'
        f'<polyline points="{course}"/>' + "".join(points)
    )


def _point(label: str, times: list[float], x: float, y: float, ends: tuple[float, float]) -> str:
    short = _SHORT.get(label, label.split(", ", 1)[-1])
    return (
        f'<line class="own range" x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
        f'<circle class="own" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
        f'<text class="value" x="{x:.1f}" y="{ends[1] - 6:.1f}" text-anchor="middle">'
        f"{spread(times).median:.2f}</text>"
        f'<text x="{x:.1f}" y="{_BOTTOM + 16}" text-anchor="middle">{escape(short)}</text>'
    )


_SHORT = {
    "10,000": "10 k",
    "100,000": "100 k",
    "1,000,000": "1 M",
    "10,000,000": "10 M",
    "list": "first",
    "list, page 1,000": "1,000th",
    "list, page 1,999": "1,999th",
    "list, any page": "any",
    "changes, from the beginning": "first",
    "changes, from the middle": "middle",
    "changes, from a late token": "late",
}
