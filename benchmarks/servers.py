"""Mail servers that are measured: each keeps mail on disk, and relays it to the upstream."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers import daemons

from benchmarks.peer import CACHE, CONFIGURATION, CONNECTIONS, Running, Upstream, brought, fill
from letterhead.demo.stand import LOGIN

CLIENTS = 16
_NODES = min(os.cpu_count() or 1, CONNECTIONS)
_FIRST_ACCOUNT = 61_080  # the number of the first account of a server that is not installed
# Mounts what it is told to, up to `--`, and becomes the command behind that.
_MOUNT = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@"'


@dataclass(frozen=True, slots=True)
class Postfix:
    """Debian's Postfix, from SMTP without TLS to the upstream, in a folder of its own."""

    name: str
    tuned: bool
    durable = True

    def missing(self) -> str:
        if os.geteuid() != 0 or not shutil.which("postfix", path=daemons.SBIN):
            return "needs root and Postfix"
        return ""

    @contextmanager
    def running(self, folder: Path, upstream: Upstream) -> Iterator[Running]:
        folder.chmod(0o755)
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        port = daemons.free_port()
        values = _values(folder, port, upstream)
        fill(CONFIGURATION / "postfix-main.cf", folder / "etc/main.cf", values)
        fill(CONFIGURATION / "postfix-master.cf", folder / "etc/master.cf", values)
        fill(CONFIGURATION / "postfix-login", folder / "etc/login", values)
        if self.tuned:
            more = (CONFIGURATION / "postfix-tuned.cf").read_text("utf-8")
            with (folder / "etc/main.cf").open("a") as written:
                written.write(more.replace("@CONNECTIONS@", str(CONNECTIONS)))
        daemons.run(["/usr/sbin/postfix", "-c", folder / "etc", "start"], folder / "log")
        daemons.wait_for("127.0.0.1", port)
        master = int((folder / "queue/pid/master.pid").read_text().strip())
        try:
            yield Running([master], partial(_smtp_source, port))
        finally:
            daemons.run(["/usr/sbin/postfix", "-c", folder / "etc", "stop"], folder / "log")


def _values(folder: Path, port: int, upstream: Upstream) -> dict[str, str]:
    """What the configurations leave open."""
    return {
        "DIR": str(folder),
        "PORT": str(port),
        "UPSTREAM": str(upstream.port),
        "LOGIN": LOGIN,
        "PASSWORD": upstream.password,
        "AUTHORITY": str(shutil.copy(upstream.files.authority, folder / "etc/authority.pem")),
        "CONNECTIONS": str(CONNECTIONS),
        "NODES": str(_NODES),
        "EACH": str(CONNECTIONS // _NODES),
        "CACHE": str(CACHE),
    }


def _smtp_source(port: int, count: int, size: int) -> None:
    letters = ["-f", "office@hart.example", "-t", "client@client.example", "-l", str(size)]
    load = ["-s", str(CLIENTS), "-m", str(count), "-d"]
    subprocess.run(  # noqa: S603 - Postfix's own
        ["/usr/sbin/smtp-source", *load, *letters, f"127.0.0.1:{port}"], check=True
    )


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is installed for the benchmark alone, and runs from the cache."""

    name: str
    configuration: str  # the folder of its files
    command: Callable[[Path], list[str]]  # starts it in the foreground, from a folder
    install: Callable[[], str]  # gives what keeps it from being measured
    durable = True

    def missing(self) -> str:
        if not shutil.which("smtp-source", path=daemons.SBIN):
            return "needs smtp-source, which comes with Postfix"
        return self.install()

    @contextmanager
    def running(self, folder: Path, upstream: Upstream) -> Iterator[Running]:
        (folder / "etc").mkdir()
        port = daemons.free_port()
        values = _values(folder, port, upstream)
        templates = CONFIGURATION / self.configuration
        for each in filter(Path.is_file, templates.rglob("*")):
            fill(each, folder / "etc" / each.relative_to(templates), values)
        process = daemons.start(self.command(folder), folder / "log")
        try:
            daemons.wait_for("127.0.0.1", port)
            yield Running([process.pid], partial(_smtp_source, port))
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own: its processes alone
            process.wait()


def _haraka(folder: Path) -> list[str]:
    program = CACHE / "haraka/node_modules/Haraka/bin/haraka"
    shutil.copy(program.parent.parent / "config/connection.ini", folder / "etc/config")  # as it is
    authority = f"NODE_EXTRA_CA_CERTS={folder}/etc/authority.pem"
    return ["env", authority, "node", str(program), "-c", str(folder / "etc")]


def _install_haraka() -> str:
    npm = shutil.which("npm")
    if npm is None:
        return "needs npm"
    options = ["--silent", "--omit=optional"]
    return brought(CACHE / "haraka", [npm, "install", *options, "Haraka@3.3.4"])


def _exim(folder: Path) -> list[str]:
    program = CACHE / "exim4-daemon-light/usr/sbin/exim4"
    os.chown(folder, _FIRST_ACCOUNT, _FIRST_ACCOUNT)
    configuration = str(folder / "etc/exim.conf")
    command = [str(program), "-C", configuration, "-bdf", "-q1s"]
    return _apart(_accounts(folder, "Debian-exim"), command)


def _opensmtpd(folder: Path) -> list[str]:
    root = CACHE / "opensmtpd"
    for name in ("spool/smtpd", "lib/opensmtpd/empty", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "spool/smtpd").chmod(0o711)  # else it does not start
    mounts = _accounts(folder, "opensmtpd", "opensmtpq") | {
        "/etc/ssl/certs/ca-certificates.crt": folder / "etc/authority.pem",
        "/var/spool": folder / "spool",
        "/var/lib": folder / "lib",
        "/run": folder / "run",
        "/usr/libexec": root / "usr/libexec",
    }
    command = [str(root / "usr/sbin/smtpd"), "-d", "-f", str(folder / "etc/smtpd.conf")]
    return _apart(mounts, command)


def _accounts(folder: Path, *names: str) -> dict[str, Path]:
    """The machine's accounts with some more, as files to be mounted over its own."""
    numbered = list(enumerate(names, _FIRST_ACCOUNT))
    users = [f"{name}:x:{number}:{number}::/:/usr/sbin/nologin" for number, name in numbered]
    groups = [f"{name}:x:{number}:" for number, name in numbered]
    mounts = {}
    for path, more in (("/etc/passwd", users), ("/etc/group", groups)):
        target = folder / Path(path).name
        target.write_text("\n".join([Path(path).read_text("utf-8").rstrip(), *more, ""]), "utf-8")
        mounts[path] = target
    return mounts


def _apart(mounts: dict[str, Path], command: list[str]) -> list[str]:
    """
    Run a command as the first process of a space of its own, with other files at some paths.

    So nothing of the machine is changed. What its children leave behind becomes its own: their CPU
    is counted, and all of them end with it.
    """
    over = [part for path, source in mounts.items() for part in (str(source), path)]
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*private, "sh", "-c", _MOUNT, "sh", *over, "--", *command]


def _unpacked(package: str, program: str) -> str:
    """Bring a Debian package without installing it; says what keeps its program from running."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("apt-get"):
        return "needs root, Debian and unshare"
    apart = ["unshare", "--mount", "--pid", "--fork", "true"]
    if subprocess.run(apart, capture_output=True, check=False).returncode:  # noqa: S603 - constant
        return "needs the right to mounts of its own (unshare)"
    folder = CACHE / package
    fetch = f"apt-get download -q {package} && dpkg-deb -x *.deb . && chmod 0755 {program}"
    if why := brought(folder, ["sh", "-c", fetch]):
        return why
    libraries = subprocess.run(  # noqa: S603 - Debian's
        ["ldd", str(folder / program)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    lacking = [line.split()[0] for line in libraries.stdout.splitlines() if "not found" in line]
    return f"needs {', '.join(lacking)}" if lacking else ""


HARAKA = Server("Haraka", "haraka", _haraka, _install_haraka)
EXIM = Server("Exim", "exim", _exim, partial(_unpacked, "exim4-daemon-light", "usr/sbin/exim4"))
OPENSMTPD = Server(
    "OpenSMTPD", "opensmtpd", _opensmtpd, partial(_unpacked, "opensmtpd", "usr/sbin/smtpd")
)
