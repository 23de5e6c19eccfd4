"""A private Postfix with Dovecot's logins: a firm's mail server, on addresses of its own."""

import shutil
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from pwd import getpwnam

from tests.servers import daemons
from tests.servers.certificates import Certificates

LOGIN, PASSWORD = "office@client.test", "s3cret-Pass"
_CONFIGURATION = Path(__file__).parent / "configuration"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that Postfix took: for whom, and what."""

    recipient: str
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class Postfix:
    """Listens on 587 and 465 of `{net}.1`, and in wrong ways on 587 of further addresses."""

    net: str
    folder: Path

    def arrived(self) -> list[Arrived]:
        """Everything that it has delivered so far."""
        files = (self.folder / "maildrop" / "all" / "new").glob("*")
        return [_read(each.read_bytes()) for each in files]

    def wait_for(self, count: int, *, subject: str, recipient: str = "") -> list[Arrived]:
        """Wait until so many mails whose subject begins so are in the mailbox."""
        ends = time.monotonic() + 30
        found: list[Arrived] = []
        while len(found) < count:
            assert time.monotonic() < ends, f"{len(found)} of {count} mails arrived"
            time.sleep(0.05)
            found = [
                each
                for each in self.arrived()
                if each.message["Subject"].startswith(subject) and recipient in {"", each.recipient}
            ]
        return found


def start(folder: Path, certificates: Certificates, net: str) -> Postfix:
    """Start both; needs root, as Postfix does."""
    folder.chmod(0o755)
    for name in ("etc", "queue", "data", "dovecot", "maildrop"):
        (folder / name).mkdir(mode=0o755)
    for name in ("data", "maildrop"):
        shutil.chown(folder / name, "postfix")
    values = {
        "DIR": str(folder),
        "CERTIFICATES": str(certificates.folder),
        "NET": net,
        "SASL_PORT": str(daemons.free_port()),
        "POSTFIX_UID": str(getpwnam("postfix").pw_uid),
        "DOVECOT_UID": str(getpwnam("dovecot").pw_uid),
        "DOVECOT_GID": str(getpwnam("dovecot").pw_gid),
        "LOGIN": LOGIN,
        "PASSWORD": PASSWORD,
    }
    for template in _CONFIGURATION.iterdir():
        text = template.read_text("utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (folder / "etc" / template.name).write_text(text, "utf-8")
    daemons.run(["/usr/sbin/dovecot", "-c", folder / "etc/dovecot.conf"], folder / "log")
    daemons.run(["/usr/sbin/postfix", "-c", folder / "etc", "start"], folder / "log")
    for host, port in (("1", 587), ("1", 465), ("2", 587), ("5", 587)):
        daemons.wait_for(f"{net}.{host}", port)
    return Postfix(net, folder)


def end(postfix: Postfix) -> None:
    """End both."""
    folder = postfix.folder
    daemons.run(["/usr/sbin/postfix", "-c", folder / "etc", "stop"], folder / "log")
    daemons.run(["/usr/bin/doveadm", "-c", folder / "etc/dovecot.conf", "stop"], folder / "log")


def _read(raw: bytes) -> Arrived:
    message = message_from_bytes(raw, policy=policy.default)
    return Arrived(str(message["X-Original-To"]), message)
