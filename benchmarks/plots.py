"""Lines in SVG: one value for each of a few steps, readable in light and dark."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.svg import WIDTH, picture

_HEIGHT = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 58, 50
_KEY_ROW = 22  # of the key below, with two names in a row
_COLOURS = ("#2c7be5", "#d9480f", "#2b8a3e", "#9c36b5", "#868e96", "#c2a000")
_STYLE = """
.grid { stroke: #d0d7de; }
@media (prefers-color-scheme: dark) { .grid { stroke: #3d444d; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What a plot shows: steps from left to right, and a value upwards."""

    title: str
    across: str  # what the steps are
    steps: Sequence[str]
    up: str  # what the value is, with its unit
    by_powers: bool = False  # each line of the grid is ten times the one below

    def marks(self, most: float, least: float) -> Sequence[float]:
        """The values that have a line of the grid."""
        if self.by_powers:
            low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
            return [10.0**each for each in range(low, high + 1)]
        step = next(each for each in _nice() if each * 5 >= most)
        return [step * each for each in range(math.ceil(most / step) + 1)]


def plot(axes: Axes, lines: Mapping[str, Sequence[float]]) -> str:
    """The picture of lines with a value for each step."""
    values = [each for line in lines.values() for each in line]
    marks = axes.marks(max(values), min(values))
    area = _Area(axes, marks)
    height = _HEIGHT + _KEY_ROW * math.ceil(len(lines) / 2) + 8
    parts = [
        *area.grid(),
        *(area.line(number, line) for number, line in enumerate(lines.values())),
        *(_key(number, name) for number, name in enumerate(lines)),
    ]
    return picture(axes.title, height, _STYLE, parts)


@dataclass(frozen=True, slots=True)
class _Area:
    """Where the lines are drawn."""

    axes: Axes
    marks: Sequence[float]

    def x(self, step: int) -> float:
        room = (WIDTH - _LEFT - _RIGHT) / len(self.axes.steps)
        return _LEFT + room * (step + 0.5)

    def y(self, value: float) -> float:
        low, high = (self._height(each) for each in (self.marks[0], self.marks[-1]))
        share = (self._height(value) - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> Iterator[str]:
        right, below = WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        for mark in self.marks:
            y = self.y(mark)
            yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:g}</text>'
        for at, name in enumerate(self.axes.steps):
            x = self.x(at)
            yield f'<text x="{x:.1f}" y="{below + 18}" text-anchor="middle">{escape(name)}</text>'
        across, up = escape(self.axes.across), escape(self.axes.up)
        yield f'<text x="8" y="{_TOP - 14}">{up}</text>'
        yield f'<text x="{right}" y="{below + 38}" text-anchor="end">{across}</text>'

    def line(self, number: int, values: Sequence[float]) -> str:
        colour = _COLOURS[number % len(_COLOURS)]
        points = [(self.x(at), self.y(each)) for at, each in enumerate(values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points)
        return (
            f'<g fill="{colour}" stroke="{colour}">'
            f'<polyline points="{path}" fill="none" stroke-width="2"/>{dots}</g>'
        )

    def _height(self, value: float) -> float:
        return math.log10(value) if self.axes.by_powers else value


def _key(number: int, name: str) -> str:
    row, column = divmod(number, 2)
    x, y = _LEFT + column * 340, _HEIGHT + 8 + _KEY_ROW * row
    colour = _COLOURS[number % len(_COLOURS)]
    return (
        f'<rect x="{x}" y="{y - 7}" width="22" height="4" rx="2" fill="{colour}"/>'
        f'<text x="{x + 30}" y="{y}">{escape(name)}</text>'
    )


def _nice() -> Iterator[float]:
    """1, 2 and 5 of each power of ten, from a thousandth on."""
    for power in range(-3, 7):
        for first in (1, 2, 5):
            yield first * 10.0**power
