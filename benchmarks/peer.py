"""What every peer is told and gives, and how what it needs is brought."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from letterhead.demo.certificate import Files

CONFIGURATION = Path(__file__).parent / "configuration"
CACHE = Path("var/benchmarks").absolute()  # what is installed for the peers
CONNECTIONS = 20
SIZE = 5_000  # octets of a text

Submit = Callable[[int, int], None]  # hand in so many messages, of so many octets each


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where all of them deliver to."""

    port: int
    files: Files
    password: str


@dataclass(frozen=True, slots=True)
class Running:
    """A peer at work: the roots of its processes, and how it is handed messages."""

    pids: list[int]
    submit: Submit
    http: httpx.Client | None = None  # of Letterhead alone
    begin: Callable[[], None] = lambda: None  # let those deliver who have not begun


def fill(template: Path, target: Path, values: Mapping[str, str]) -> None:
    """Write a file with its @NAMES@ replaced."""
    text = template.read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def brought(folder: Path, command: list[str]) -> str:
    """Install something once into a folder; says what went wrong."""
    if (folder / "installed").exists():
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(  # noqa: S603 - package managers
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["cannot be installed"])[-1]
    (folder / "installed").touch()
    return ""
