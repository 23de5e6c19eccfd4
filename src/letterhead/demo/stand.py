"""What the demo runs on: a mail server and a Letterhead of its own, on free ports."""

import json
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from letterhead.demo import certificate

LOGIN = "office@hart.example"
SERVER = "localhost"

_SET_UP = re.compile(r"Set up the first operator: (\S+)")
_START = 60.0  # seconds; a busy machine takes long
_END = 30.0


@dataclass(frozen=True, slots=True)
class Stand:
    """Everything that the journey needs to know."""

    address: str  # of the API
    key: str  # of the platform
    smtp_port: int
    password: str
    journal: Path
    mailbox: Path
    set_up: str  # the link that makes the first operator
    submission: str  # address and port for SMTP
    service: subprocess.Popen[str]
    upstream: subprocess.Popen[str]


@contextmanager
def stand(database_url: str = "") -> Iterator[Stand]:
    """Start both, and end both; the data are in a folder that goes, unless a database is named."""
    with TemporaryDirectory(prefix="letterhead-demo-") as name, ExitStack() as ends:
        folder = Path(name)
        password, key = secrets.token_urlsafe(12), secrets.token_urlsafe(24)
        files = certificate.made(folder, SERVER)
        mailbox = folder / "mailbox"
        mailbox.mkdir()
        upstream, smtp_port = start_upstream(folder, files, password)
        ends.callback(end, upstream)
        environment = {
            "LETTERHEAD_DATA_DIR": str(folder / "data"),
            "LETTERHEAD_LISTEN": "127.0.0.1:0",
            "LETTERHEAD_ALLOW_DESTINATIONS": f"127.0.0.0/8:{smtp_port}",
            "LETTERHEAD_CA_FILE": str(files.authority),
            "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": key,
            "LETTERHEAD_DATABASE_URL": database_url,
        }
        service, address = start_service(environment, folder / "log")
        ends.callback(end, service)
        yield Stand(
            address=address,
            key=key,
            smtp_port=smtp_port,
            password=password,
            journal=folder / "journal",
            mailbox=mailbox,
            submission=f"127.0.0.1:{_said(folder / 'log', 'starttls')}",
            set_up=_SET_UP.findall(said_in(folder / "log").read_text("utf-8"))[0],
            service=service,
            upstream=upstream,
        )


def start_upstream(
    folder: Path, files: certificate.Files, password: str, *options: str
) -> tuple[subprocess.Popen[str], int]:
    """Start the mail server; gives its process and its port."""
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password, "utf-8")
    arguments = {
        "--certificate": files.certificate,
        "--key": files.key,
        "--login": LOGIN,
        "--password-file": secret,
        "--journal": folder / "journal",
        "--keep": folder / "mailbox",
    }
    command = [sys.executable, "-m", "letterhead.demo.upstream", *options]
    for name, value in arguments.items():
        command += [name, str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    return process, int(json.loads(_first_line(process))["port"])


def start_service(
    settings: Mapping[str, str], log: Path, command: str = "serve"
) -> tuple[subprocess.Popen[str], str]:
    """Start `serve` or `web`, and wait until it answers; gives its process and its address."""
    process = start_process([command], settings, log)
    try:
        return process, _address(process, log, settings)
    except RuntimeError:
        end(process)
        raise


def start_process(
    words: Sequence[str], settings: Mapping[str, str], log: Path
) -> subprocess.Popen[str]:
    """Start `letterhead WORDS`, which writes its log into a file."""
    inherited = {key: value for key, value in os.environ.items() if _is_neutral(key)}  # noqa: TID251
    with log.open("a", encoding="utf-8") as written, said_in(log).open("w") as said:
        return subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "letterhead", *words],
            env={**inherited, "LETTERHEAD_SUBMISSION_LISTEN": "127.0.0.1:0", **settings},
            stdout=said,
            stderr=written,
            text=True,
        )


def said_in(log: Path) -> Path:
    """Where the service that writes `log` keeps what it says to its operator."""
    return log.with_name(f"{log.name}.said")


def end(process: subprocess.Popen[str]) -> None:
    """Ask a process to stop, and wait until it has."""
    process.terminate()
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def _is_neutral(name: str) -> bool:
    """The demo does not take over what is set for a real installation."""
    return not name.startswith("LETTERHEAD_")


def _first_line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError("The mail server of the demo did not start.")
    return line


def trust(settings: Mapping[str, str]) -> ssl.SSLContext:
    """Whom a client of a service with such settings trusts."""
    return ssl.create_default_context(cafile=settings.get("LETTERHEAD_CA_FILE"))


def _address(process: subprocess.Popen[str], log: Path, settings: Mapping[str, str]) -> str:
    """The service says in its log where it listens."""
    has_tls = "LETTERHEAD_TLS_CERT_FILE" in settings
    host = "https://localhost" if has_tls else "http://127.0.0.1"
    ends = time.monotonic() + _START
    while time.monotonic() < ends and process.poll() is None:
        if (port := _said(log, "port")) and _answers(address := f"{host}:{port}", trust(settings)):
            return address
        time.sleep(0.05)
    last = log.read_text("utf-8").strip().splitlines()[-1:]
    raise RuntimeError(f"The service did not start: {' '.join(last)}")


def _said(log: Path, port: str) -> int | None:
    """A port that the service names when it starts."""
    for line in reversed(log.read_text("utf-8").splitlines()):
        if line.startswith("{") and (entry := json.loads(line))["event"] == "serving":
            return int(entry[port])
    return None


def _answers(address: str, trusted: ssl.SSLContext) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=2, verify=trusted).is_success
    except httpx.TransportError:
        return False
