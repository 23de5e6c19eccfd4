"""Bars in SVG: one chart a case, readable in light and dark."""

from html import escape
from pathlib import Path
from typing import Any

_WIDTH, _ROW, _LEFT = 760, 30, 270
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.ours { fill: #2c7be5; } .theirs { fill: #8c959f; }
.range { stroke: #24292f; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .range { stroke: #e6edf3; }
}
"""


def draw(results: dict[str, Any], folder: Path) -> None:
    """Write `NAME.svg` for each case that was measured."""
    for name, case in results["cases"].items():
        if case["peers"]:
            (folder / f"{name}.svg").write_text(_chart(case, results["rounds"]), "utf-8")


def _chart(case: dict[str, Any], rounds: int) -> str:
    rows = {peer: summary[case["figure"]] for peer, summary in case["peers"].items()}
    scale = (_WIDTH - _LEFT - 110) / max(each["most"] for each in rows.values())
    height = 50 + _ROW * len(rows)
    title = f"{case['title']} ({case['unit']}, medians of {rounds}; lines: least to most)"
    bars = [_bar(at, peer, found, scale) for at, (peer, found) in enumerate(rows.items())]
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
                f' role="img" aria-label="{escape(title)}">'
            ),
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="8" y="22">{escape(title)}</text>',
            *bars,
            "</svg>",
            "",
        ]
    )


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
