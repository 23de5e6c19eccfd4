"""The chart of messages, drawn here: the page needs no script for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from letterhead.store.tally import Day

_WIDTH, _HEIGHT, _MARGIN = 720, 120, 44  # of the bars; the margin holds the scale
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle; its kind is a class of the style sheet."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of each day, beside a scale from nothing to `top`."""

    days: Sequence[Day]
    bars: Sequence[Bar]
    top: int
    width: int = _WIDTH + _MARGIN
    height: int = _HEIGHT
    margin: int = _MARGIN

    @property
    def first(self) -> date:
        return self.days[0].day

    @property
    def last(self) -> date:
        return self.days[-1].day

    def total(self, what: str) -> int:
        return sum(getattr(each, what) for each in self.days)


def chart(days: Sequence[Day]) -> Chart:
    """Draw what was accepted as a broad bar, and on it what was sent and what failed."""
    top = _round(max(max(each.accepted, each.sent, each.failed) for each in days))
    slot = _WIDTH / len(days)
    bars = []
    for at, each in enumerate(days):
        left = _MARGIN + at * slot
        bars += [
            _bar("accepted", left + slot * 0.1, slot * 0.8, each.accepted / top),
            _bar("sent", left + slot * 0.2, slot * 0.35, each.sent / top),
            _bar("failed", left + slot * 0.55, slot * 0.25, each.failed / top),
        ]
    return Chart(days, [each for each in bars if each.height], top)


def _bar(kind: str, x: float, width: float, share: float) -> Bar:
    """A bar; one that stands for anything at all can be seen."""
    height = max(share * _HEIGHT, 2.0) if share else 0.0
    return Bar(kind, round(x, 1), round(_HEIGHT - height, 1), round(width, 1), round(height, 1))


def _round(most: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= most:
                return step * power
        power *= 10
