"""The way out that keeps mail in a folder: for demos, and a platform that sends nothing yet."""

import asyncio
import heapq
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path

from letterhead.mail.reply import Answer, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.transports.base import BeforeDot, Passed, Upcoming, Watch, stale

_TO = "X-Letterhead-Envelope-To"
_AT_ONCE = 4
_SHOWN = 200  # characters of a field


class CaptureTransport:
    """Writes one `.eml` a recipient; the envelope stands in fields of its own on top."""

    together = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def seats(self, waiting: int) -> int:  # noqa: ARG002
        return _AT_ONCE

    def line(self, upcoming: Upcoming) -> "CaptureTransport":  # noqa: ARG002
        return self

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        if not await before_dot():
            return stale()
        try:
            name = await asyncio.to_thread(self._write, envelope)
        except OSError as error:
            text = f"4.3.1 The mail cannot be captured: {error.strerror}."
            return Reply(Stage.MESSAGE, 452, text)
        return Reply(Stage.MESSAGE, 250, f"2.0.0 captured as {name}", captured=True)

    async def rehearse(self, envelope: Envelope, before_dot: BeforeDot, watch: Watch) -> Answer:
        began = time.perf_counter()
        answer = await self.send(envelope, before_dot)
        ms = (time.perf_counter() - began) * 1000
        detail = answer.text if isinstance(answer, Reply) else answer.detail
        ok = isinstance(answer, Reply) and answer.positive
        watch(Passed(Stage.MESSAGE, ok=ok, ms=ms, detail=detail))
        return answer

    async def probe(self) -> Answer | None:
        """There is nobody to sign in to."""
        return None

    async def close(self) -> None:
        """There is nothing to close."""

    def _write(self, envelope: Envelope) -> str:
        """Write beside, then rename: whoever watches the folder sees whole files only."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}.eml"
        path = self._folder / f".{name}"
        with open(path, "xb", opener=_private) as file:
            file.write(f"X-Letterhead-Envelope-From: {envelope.sender}\r\n".encode())
            file.write(f"{_TO}: {envelope.recipient}\r\n".encode())
            file.writelines(envelope.content)
        path.rename(self._folder / name)
        return name


@dataclass(frozen=True, slots=True)
class Captured:
    """A mail that was kept, as its first lines tell."""

    name: str
    at: datetime
    recipient: str
    subject: str


async def newest(folder: Path, many: int) -> Sequence[Captured]:
    """The mails that were kept last, the newest first."""
    return await asyncio.to_thread(_newest, folder, many)


def _newest(folder: Path, many: int) -> Sequence[Captured]:
    names = heapq.nlargest(many, (each.name for each in folder.glob("[0-9]*.eml")))
    return [found for each in names if (found := _read(folder / each))]


def _read(path: Path) -> Captured | None:
    try:
        with path.open("rb") as file:
            head = BytesHeaderParser(policy=default).parse(file)
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:  # it has gone meanwhile
        return None
    recipient, subject = (str(head.get(each, "")) for each in (_TO, "Subject"))
    return Captured(path.name, at, recipient[:_SHOWN], subject[:_SHOWN])


async def forget(folder: Path, before: datetime) -> int:
    """Remove what was captured before a time; says how many mails it was."""
    return await asyncio.to_thread(_remove, folder, before.timestamp())


def _remove(folder: Path, before: float) -> int:
    old = [each for each in folder.glob("*.eml") if each.stat().st_mtime < before]
    for each in old:
        each.unlink(missing_ok=True)
    return len(old)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
