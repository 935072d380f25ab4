"""The plot: requests per second, one panel for each operation, on a logarithmic scale, as SVG."""

import math
from collections.abc import Sequence
from html import escape

from bench.report import Row, rows
from bench.samples import Sample, spread
from bench.systems import EMPTY_APP, TASKWARD

_WIDTH, _MARGIN, _LABELS, _VALUES = 880, 16, 146, 62
_ROW, _HEAD, _FOOT = 22, 30, 30
_COLUMNS = 2
_PANEL = _WIDTH // _COLUMNS
_STEPS = [digit * 10.0**exponent for exponent in range(-3, 9) for digit in (1, 2, 5)]

# An embedded picture follows the colour scheme of the page automatically.
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #57606a }
.head { font-weight: 600; font-size: 13px; fill: #1f2328 }
.own { font-weight: 600; fill: #0969da } .value { font-variant-numeric: tabular-nums }
line { stroke: #d0d7de } .range { stroke: #8c959f; stroke-width: 2 } .own.range { stroke: #0969da }
circle { fill: #57606a } circle.own { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .head { fill: #f0f6fc } .own { fill: #4493f8 } line { stroke: #3d444d }
.range { stroke: #656c76 } .own.range { stroke: #4493f8 }
circle { fill: #9198a1 } circle.own { fill: #4493f8 } }
"""


class _Scale:
    """Maps a rate to its position, on a logarithmic scale between two round numbers."""

    def __init__(self, rates: Sequence[float]) -> None:
        self._low = max(step for step in _STEPS if step <= min(rates))
        self._high = min(step for step in _STEPS if step >= max(rates))

    @property
    def ticks(self) -> list[float]:
        """Return the powers of ten on the scale."""
        return [step for step in _STEPS[::3] if self._low <= step <= self._high]

    def __call__(self, rate: float) -> float:
        share = math.log(rate / self._low) / math.log(self._high / self._low)
        return _MARGIN + _LABELS + share * (_PANEL - _MARGIN - _LABELS - _VALUES)


def plot(samples: Sequence[Sample], titles: dict[str, str]) -> str:
    """Return the plot of all samples as SVG; `titles` are those of the systems, in order."""
    all_ = rows(samples, [*titles])
    scale = _Scale([rate for row in all_ for rate in row.rates])
    empty = [row for row in all_ if row.system == EMPTY_APP.name]
    operations = dict.fromkeys(row.operation for row in all_ if row not in empty)
    panels = [[row for row in all_ if row.operation == each] + empty for each in operations]
    height = _HEAD + _ROW * max(map(len, panels)) + _FOOT
    drawn = [
        f'<g transform="translate({_PANEL * (number % _COLUMNS)} {height * (number // _COLUMNS)})">'
        f"{_panel(panel, titles, scale)}</g>"
        for number, panel in enumerate(panels)
    ]
    total = height * math.ceil(len(panels) / _COLUMNS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {total}" role="img">'
        "<title>Requests per second: median, least and greatest of all rounds</title>"
        f"<style>{STYLE}</style>\n" + "\n".join(drawn) + "\n</svg>\n"
    )


def _panel(panel: list[Row], titles: dict[str, str], scale: _Scale) -> str:
    bottom = _HEAD + _ROW * len(panel)
    words = f"{panel[0].operation}, requests/s (logarithmic)"
    head = f'<text class="head" x="{_MARGIN}" y="18">{words}</text>'
    ticks = "".join(_tick(tick, scale(tick), bottom) for tick in scale.ticks)
    lines = (
        _row(row, titles[row.system], scale, _HEAD + _ROW * (number + 0.5))
        for number, row in enumerate(panel)
    )
    return head + ticks + "\n" + "\n".join(lines)


def _tick(value: float, x: float, bottom: int) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEAD}" y2="{bottom}"/>'
        f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{value:,.0f}</text>'
    )


def _row(row: Row, title: str, scale: _Scale, y: float) -> str:
    middle, least, greatest = spread(row.rates)
    own = "own" if row.system == TASKWARD.name else ""
    base = y + 4
    return (
        f'<text class="{own}" x="{_MARGIN}" y="{base:.1f}">{escape(title)}</text>'
        f'<line class="range {own}" x1="{scale(least):.1f}" x2="{scale(greatest):.1f}"'
        f' y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<circle class="{own}" cx="{scale(middle):.1f}" cy="{y:.1f}" r="4.5"/>'
        f'<text class="value {own}" x="{_PANEL - 8}" y="{base:.1f}" text-anchor="end">'
        f"{middle:,.0f}</text>"
    )
