"""Where Letterhead is, and by which key we come."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Connection:
    """What both clients open; the key is not shown."""

    url: str
    key: str = field(repr=False)
    portal: str | None
    timeout: float  # seconds

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of httpx; ValueError where URL or key is missing."""
        if not self.url.startswith(("https://", "http://")) or not self.key:
            raise ValueError("Name the https:// address of Letterhead, and a key.")
        named = {"X-Portal": self.portal} if self.portal else {}
        return {
            "base_url": self.url.rstrip("/"),
            "headers": {"Authorization": f"Bearer {self.key}", **named},
            "timeout": self.timeout,
        }
