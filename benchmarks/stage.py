"""A service and an upstream in processes of their own, with a portal that is switched on."""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from letterhead.demo import certificate
from letterhead.demo.stand import LOGIN, SERVER, end, start_service, start_upstream

PORTAL = "bench"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a benchmark needs."""

    http: httpx.Client
    service: subprocess.Popen[str]
    upstream: subprocess.Popen[str]
    folder: Path

    @property
    def journal(self) -> Path:
        return self.folder / "journal"


@contextmanager
def stage() -> Iterator[Stage]:
    """Start all of it."""
    with TemporaryDirectory(prefix="letterhead-bench-") as name, ExitStack() as ends:
        folder, key, password = Path(name), secrets.token_urlsafe(24), secrets.token_urlsafe(12)
        (folder / "mailbox").mkdir()
        files = certificate.made(folder, SERVER)
        upstream, port = start_upstream(folder, files, password)
        ends.callback(end, upstream)
        settings = {
            "LETTERHEAD_DATA_DIR": str(folder / "data"),
            "LETTERHEAD_LISTEN": "127.0.0.1:0",
            "LETTERHEAD_ALLOW_DESTINATIONS": f"127.0.0.1:{port}",
            "LETTERHEAD_CA_FILE": str(files.authority),
            "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": key,
        }
        service, address = start_service(settings, folder / "log")
        ends.callback(end, service)
        headers = {"Authorization": f"Bearer {key}", "X-Portal": PORTAL}
        http = ends.enter_context(
            httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=120)
        )
        _go_live(http, folder, port, password)
        yield Stage(http, service, upstream, folder)


def cpu(process: subprocess.Popen[str]) -> float:
    """Seconds of CPU that a process has used so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(process: subprocess.Popen[str]) -> float:
    """The most memory that a process has held so far, in MB."""
    text = Path(f"/proc/{process.pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


def _go_live(http: httpx.Client, folder: Path, port: int, password: str) -> None:
    form = {
        "type": "smtp",
        "provider": "other",
        "server": SERVER,
        "port": port,
        "login": LOGIN,
        "password": password,
        "from_address": LOGIN,
    }
    settings = f"/portals/{PORTAL}/email-settings"
    _ok(http.post("/portals", json={"slug": PORTAL, "name": "Bench"}))
    _ok(http.put(settings, json=form))
    _ok(http.post(f"{settings}/test", json={"to": "bench@client.example"}))
    found = re.search(r"^ +(\d{6})\s*$", (folder / "mailbox/1.eml").read_text(), re.MULTILINE)
    _ok(http.post(f"{settings}/confirm", json={"code": found[1] if found else ""}))
    _ok(http.post(f"{settings}/switch-on"))


def _ok(answer: httpx.Response) -> None:
    if not answer.is_success:
        sys.exit(f"{answer.request.url}: {answer.status_code} {answer.text}")
