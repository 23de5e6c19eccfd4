"""Programs that people use to send mail, each as one function: hand a letter in, and say how."""

import json
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.conf import settings
from django.core.mail import EmailMessage as DjangoMessage
from django.core.mail.backends.smtp import EmailBackend

NODE = Path(__file__).parent.parent / "servers/node"


@dataclass(frozen=True, slots=True)
class Access:
    """How a program gets in; without a key it does not try to sign in."""

    port: int
    implicit: bool
    authority: Path
    slug: str
    key: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a program is told to send."""

    subject: str
    to: Sequence[str]
    bcc: Sequence[str] = ()
    sender: str = "shop@firm.test"
    text: str = "Grüße aus Köln\n.\n..ein Punkt\n"
    octets: bytes = b""  # instead of the text, for programs that send files
    fields: Mapping[str, str] = field(default_factory=dict)  # more of the header

    @property
    def everybody(self) -> list[str]:
        return [*self.to, *self.bcc]

    def message(self) -> EmailMessage:
        made = EmailMessage()
        made["From"] = f"Shop <{self.sender}>"
        made["To"] = ", ".join(self.to)
        if self.bcc:
            made["Bcc"] = ", ".join(self.bcc)
        made["Subject"] = self.subject
        for name, value in self.fields.items():
            made[name] = value
        made.set_content(self.text, cte="8bit")
        return made


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the program says that it went well, and what it says."""

    ok: bool
    said: str


def with_swaks(access: Access, letter: Letter, folder: Path) -> Outcome:
    file = _file(letter, folder)
    tls = "--tls-on-connect" if access.implicit else "--tls"
    sign_in = ["--auth", "LOGIN", "--auth-user", access.slug, "--auth-password", access.key]
    return _run(
        "swaks",
        *("--server", "127.0.0.1", "--port", access.port, tls, "--pipeline"),
        *(sign_in if access.key else ()),
        *("--from", letter.sender, "--to", ",".join(letter.everybody), "--data", f"@{file}"),
    )


def with_msmtp(access: Access, letter: Letter, folder: Path) -> Outcome:
    configuration = folder / "msmtprc"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"account default\nhost localhost\nport {access.port}\nfrom {letter.sender}\n"
        f"tls on\ntls_starttls {'off' if access.implicit else 'on'}\n"
        f"tls_trust_file {access.authority}\n"
        + (f"auth plain\nuser {access.slug}\npassword {access.key}\n" if access.key else "")
    )
    message = _file(letter, folder).read_bytes()
    return _run("msmtp", "-C", configuration, "--", *letter.everybody, given=message)


def with_curl(access: Access, letter: Letter, folder: Path) -> Outcome:
    scheme = "smtps" if access.implicit else "smtp"
    recipients = [word for each in letter.everybody for word in ("--mail-rcpt", each)]
    return _run(
        "curl",
        *("--silent", "--show-error", "--verbose", "--ssl-reqd", "--cacert", access.authority),
        *("--url", f"{scheme}://localhost:{access.port}", "--crlf"),
        *(("--user", f"{access.slug}:{access.key}") if access.key else ()),
        *("--mail-from", letter.sender, *recipients, "--upload-file", _file(letter, folder)),
    )


def with_nodemailer(access: Access, letter: Letter, folder: Path) -> Outcome:
    if not (NODE / "node_modules/nodemailer").is_dir():
        pytest.skip("needs Nodemailer: run `make servers` where there is npm")
    sign_in = {"auth": {"user": access.slug, "pass": access.key}} if access.key else {}
    asked = {
        "server": {
            "host": "localhost",
            "port": access.port,
            "secure": access.implicit,
            "requireTLS": True,
            "tls": {"ca": access.authority.read_text("ascii")},
            **sign_in,
        },
        "mail": {
            "from": f"Shop <{letter.sender}>",
            "to": letter.to,
            "bcc": letter.bcc,
            "subject": letter.subject,
            "text": letter.text,
            "dsn": {"id": "letter-7", "return": "headers", "notify": ["failure"]},
        },
    }
    return _run("node", NODE / "send.mjs", given=json.dumps(asked).encode())


def with_smtplib(access: Access, letter: Letter, folder: Path) -> Outcome:
    tls = ssl.create_default_context(cafile=str(access.authority))
    made = (
        smtplib.SMTP_SSL("localhost", access.port, timeout=60, context=tls)
        if access.implicit
        else smtplib.SMTP("localhost", access.port, timeout=60)
    )
    try:
        with made as server:
            if not access.implicit:
                server.starttls(context=tls)
            if access.key:
                server.login(access.slug, access.key)
            refused = server.send_message(letter.message(), to_addrs=letter.everybody)
    except smtplib.SMTPException as error:
        return Outcome(ok=False, said=str(error))
    return Outcome(ok=not refused, said=str(refused))


def with_django(access: Access, letter: Letter, folder: Path) -> Outcome:
    if not settings.configured:
        settings.configure(USE_TZ=True)
    tls = ssl.create_default_context(cafile=str(access.authority))
    backend = EmailBackend(
        host="localhost",
        port=access.port,
        username=access.slug,
        password=access.key,
        use_tls=not access.implicit,
        use_ssl=access.implicit,
        timeout=60,
    )
    backend.ssl_context = tls
    sent = DjangoMessage(letter.subject, letter.text, letter.sender, letter.to, letter.bcc)
    try:
        return Outcome(ok=backend.send_messages([sent]) == 1, said="")
    except smtplib.SMTPException as error:
        return Outcome(ok=False, said=str(error))
    finally:
        backend.close()


Client = Callable[[Access, Letter, Path], Outcome]

CLIENTS: Mapping[str, Client] = {
    "swaks": with_swaks,
    "msmtp": with_msmtp,
    "curl": with_curl,
    "nodemailer": with_nodemailer,
    "smtplib": with_smtplib,
    "django": with_django,
}


def _file(letter: Letter, folder: Path) -> Path:
    file = folder / "letter.eml"
    file.write_bytes(letter.octets or letter.message().as_bytes(policy=policy.default))
    return file


def _run(program: str, *words: object, given: bytes = b"") -> Outcome:
    if not shutil.which(program):
        pytest.skip(f"needs {program}: run `make servers` as root on Debian")
    done = subprocess.run(
        [program, *map(str, words)],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return Outcome(ok=done.returncode == 0, said=done.stdout.decode("utf-8", "replace"))
