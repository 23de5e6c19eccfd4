"""What all pictures have in common."""

from collections.abc import Iterable
from html import escape

WIDTH = 760
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
"""


def picture(title: str, height: int, style: str, parts: Iterable[str]) -> str:
    """A file with a title above its parts; `style` is theirs."""
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
                f' role="img" aria-label="{escape(title)}">'
            ),
            f"<style>{_STYLE}{style}</style>",
            f'<text class="title" x="8" y="22">{escape(title)}</text>',
            *parts,
            "</svg>",
            "",
        ]
    )
