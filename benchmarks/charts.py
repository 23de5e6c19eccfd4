"""Charts of what was compared, in SVG: bars for each case, and how long single messages take."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.plots import Axes, plot
from benchmarks.svg import WIDTH, picture

PERCENTILES = (50, 75, 90, 95, 99)  # of what single messages take

_ALONE = {"idle": "alone", "busy": "beside another's many"}
_LEAST = 0.1  # milliseconds: what is less is drawn as so much
_ROW, _LEFT = 30, 270
_STYLE = """
.ours { fill: #2c7be5; } .theirs { fill: #8c959f; }
.range { stroke: #24292f; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) { .range { stroke: #e6edf3; } }
"""


def draw(cases: dict[str, Any], folder: Path) -> None:
    """Write `NAME.svg` for each case that was measured, and `latency.svg`."""
    for name, case in cases.items():
        if case["peers"]:
            (folder / f"{name}.svg").write_text(_chart(case), "utf-8")
    if lines := dict(_waits(cases)):
        axes = Axes(
            title="A single message, from the answer 202 to the upstream's journal",
            across="percentile",
            steps=[str(each) for each in PERCENTILES],
            up="ms",
            by_powers=True,
        )
        (folder / "latency.svg").write_text(plot(axes, lines), "utf-8")


def _waits(cases: dict[str, Any]) -> Iterator[tuple[str, list[float]]]:
    names = [f"from_answer_p{each}" for each in PERCENTILES]
    for case, how in _ALONE.items():
        for peer, figures in cases.get(case, {"peers": {}})["peers"].items():
            if figures.keys() >= set(names):
                name = f"{peer.removeprefix('Letterhead, ')}, {how}"
                yield name, [max(figures[each]["median"], _LEAST) for each in names]


def _chart(case: dict[str, Any]) -> str:
    rows = {peer: summary[case["figure"]] for peer, summary in case["peers"].items()}
    scale = (WIDTH - _LEFT - 110) / max(each["most"] for each in rows.values())
    height = 50 + _ROW * len(rows)
    title = f"{case['title']} ({case['unit']}, medians of {case['rounds']}; lines: least to most)"
    bars = [_bar(at, peer, found, scale) for at, (peer, found) in enumerate(rows.items())]
    return picture(title, height, _STYLE, bars)


def _bar(at: int, peer: str, found: dict[str, float], scale: float) -> str:
    top, look = 40 + _ROW * at, "ours" if peer.startswith("Letterhead") else "theirs"
    least, most = (_LEFT + scale * found[name] for name in ("least", "most"))
    return (
        f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(peer)}</text>'
        f'<rect class="{look}" x="{_LEFT}" y="{top}" width="{scale * found["median"]:.1f}"'
        f' height="{_ROW - 8}" rx="3"/>'
        f'<line class="range" x1="{least:.1f}" x2="{most:.1f}" y1="{top + 11}" y2="{top + 11}"/>'
        f'<text x="{max(most, least) + 8:.1f}" y="{top + 15}">{found["median"]:,.4g}</text>'
    )
