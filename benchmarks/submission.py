"""
Take messages by SMTP, and keep them: Letterhead beside Postfix's smtpd, in turns, in one run.

    python -m benchmarks.submission            three rounds, medians and ratios (in `make bench`)
    python -m benchmarks.submission --doors    the protocol alone: our class beside aiosmtpd

16 sessions with STARTTLS and a login each, which are used again for messages of 5 KB. Nothing is
delivered: Postfix holds its queue, and Letterhead's way out leads nowhere. Postfix needs root.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from rich.table import Table
from tests.running import KEY, Platform
from tests.servers import certificates, daemons, postfix

from benchmarks.stage import TICKS, cpu
from letterhead.demo import certificate
from letterhead.demo.stand import end

SESSIONS = 16
NET = "127.0.77"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and how to measure what it uses."""

    name: str
    host: str
    port: int
    login: str
    password: str
    cpu: Callable[[], float]  # seconds so far


@dataclass(frozen=True, slots=True)
class Run:
    """What one load came to."""

    per_second: float
    cpu_ms: float  # of the server, a message
    client_ms: float


def measure(peer: Peer, messages: int) -> Run:
    """Let the load run once."""
    options = {"host": peer.host, "port": peer.port, "login": peer.login}
    options |= {"password": peer.password, "messages": messages, "sessions": SESSIONS}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    before = peer.cpu()
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "benchmarks.smtp_load", *words],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    used = peer.cpu() - before
    took = json.loads(done.stdout)
    return Run(messages / took["seconds"], 1000 * used / messages, 1000 * took["cpu"] / messages)


@contextmanager
def letterhead(folder: Path) -> Iterator[Peer]:
    """Its mail waits: nobody listens where the platform's route leads to."""
    nowhere = {"LETTERHEAD_DEFAULT_ROUTE": f"smtp+plain://127.0.0.1:{daemons.free_port()}"}
    platform = Platform(folder, nowhere)
    try:
        platform.portal("hart")
        port = platform.http.get("/healthz").json()["submission"]["starttls"]
        yield Peer("Letterhead", "127.0.0.1", port, "hart", KEY, lambda: cpu(platform.process))
    finally:
        platform.stop()


@contextmanager
def postfix_on_hold(folder: Path) -> Iterator[Peer]:
    """Postfix and Dovecot as the tests start them, with all mail on hold."""
    made = certificates.make(folder)
    server = postfix.start(folder, made, NET)
    try:
        main = folder / "etc/main.cf"
        hold = "smtpd_client_restrictions = check_client_access static:HOLD\nin_flow_delay = 0\n"
        main.write_text(f"{main.read_text('utf-8')}\n{hold}", "utf-8")
        daemons.run(["/usr/sbin/postfix", "-c", folder / "etc", "reload"], folder / "log")
        yield Peer(
            "Postfix smtpd",
            f"{NET}.1",
            587,
            postfix.LOGIN,
            postfix.PASSWORD,
            lambda: _family(folder / "queue/pid/master.pid"),
        )
    finally:
        postfix.end(server)


@contextmanager
def bare(which: str, folder: Path) -> Iterator[Peer]:
    """A door that keeps nothing."""
    files = certificate.made(folder, "localhost")
    words = [which, "--certificate", str(files.certificate), "--key", str(files.key)]
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", "benchmarks.smtp_doors", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(process.stdout.readline()) if process.stdout else 0
        yield Peer(which, "127.0.0.1", port, "hart", "key", lambda: cpu(process))
    finally:
        end(process)


def _family(pid_file: Path) -> float:
    """CPU of Postfix's master and everything that it has started, in seconds."""
    master = int(pid_file.read_text("ascii"))
    ticks = 0
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = each.read_text("ascii", "replace")
        except OSError:  # it has just ended
            continue
        fields = text.rpartition(")")[2].split()
        if int(each.parent.name) == master:
            ticks += sum(map(int, fields[11:15]))  # with those that have ended
        elif int(fields[1]) == master:
            ticks += sum(map(int, fields[11:13]))
    return ticks / TICKS


def show(title: str, found: dict[str, list[Run]]) -> None:
    """Print medians, and the ratio of each peer to the last one."""
    table = Table(title=title)
    for name in ("server", "messages/s", "ratio", "CPU, ms a message", "ratio", "client, ms"):
        table.add_column(name, justify="left" if name == "server" else "right")
    base = list(found.values())[-1]
    for name, runs in found.items():
        rates, used = _all(runs, "per_second"), _median(runs, "cpu_ms")
        rate = statistics.median(rates)
        table.add_row(
            name,
            f"{rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
            f"{rate / _median(base, 'per_second'):.2f}",
            f"{used:.3f}",
            f"{used / _median(base, 'cpu_ms'):.2f}",
            f"{_median(runs, 'client_ms'):.3f}",
        )
    Console(width=120).print(table)
    Console().print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")


def _all(runs: list[Run], field: str) -> list[float]:
    return [getattr(each, field) for each in runs]


def _median(runs: list[Run], field: str) -> float:
    return statistics.median(_all(runs, field))


def compare(peers: list[Peer], *, messages: int, rounds: int) -> dict[str, list[Run]]:
    """Measure in turns, so that a noisy minute is noisy for all."""
    for peer in peers:
        measure(peer, messages // 10)  # warm
    found: dict[str, list[Run]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found[peer.name].append(measure(peer, messages))
    return found


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--doors", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:

        def folder(name: str) -> Path:
            made = Path(mkdtemp(prefix=f"letterhead-{name}-", dir="/tmp"))
            made.chmod(0o755)
            stack.callback(shutil.rmtree, made, ignore_errors=True)
            return made

        if asked.doors:
            peers = [stack.enter_context(bare(each, folder(each))) for each in ("ours", "aiosmtpd")]
            title = f"{asked.messages:,} messages of 5 KB, nothing is kept"
        else:
            peers = [stack.enter_context(letterhead(folder("service")))]
            title = f"{asked.messages:,} messages of 5 KB, 250 when it is on disk"
            if os.geteuid() == 0 and shutil.which("postfix", path=daemons.SBIN):
                peers.append(stack.enter_context(postfix_on_hold(folder("postfix"))))
            else:
                print("Postfix is left out: it must be installed, and needs root.", file=sys.stderr)
        show(title, compare(peers, messages=asked.messages, rounds=asked.rounds))


if __name__ == "__main__":
    main()
