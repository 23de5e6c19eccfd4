"""The walk through Email Settings, and the messages after it, as a platform would make them."""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from letterhead.demo.stand import LOGIN, SERVER, Stand
from letterhead.demo.tally import Tally, arrivals, tally

Json = dict[str, Any]

SLUG = "hart"  # of the portal

_BATCH = 50  # messages
_PATIENCE = 120.0  # seconds without any progress
_LOOK = 0.1
_CODE = re.compile(r"^\s+(\d{6})\s*$", re.MULTILINE)
_CONFLICT = 409


class Unexpected(Exception):
    """The product did not do what the demo shows; the message is for the last line."""


class Journey:
    """One portal, from its first settings to its last message."""

    def __init__(self, stand: Stand, console: Console) -> None:
        self._stand = stand
        self._console = console
        self._http = httpx.Client(
            base_url=f"{stand.address}/v1",
            headers={"Authorization": f"Bearer {stand.key}", "X-Portal": SLUG},
            timeout=60,
        )

    def close(self) -> None:
        self._http.close()

    def set_up(self) -> None:
        """Save, be refused, test, confirm, switch on."""
        self._call("POST", "/portals", {"slug": SLUG, "name": "Hart & Co"})
        self._say("added the portal hart: its mail leaves by the platform's route")
        self._settings("PUT", "", self._form())
        self._say(f"saved SMTP settings: {SERVER}:{self._stand.smtp_port}, STARTTLS, {LOGIN}")
        self._refused_switch_on()
        self._test()
        self._settings("POST", "/confirm", {"code": _code(self._stand.mailbox)})
        self._say("confirmed with the code from the test mail that arrived")
        self._settings("POST", "/switch-on")
        self._say("switched on: from now on mail leaves through the portal's own server")

    def send(self, count: int) -> Tally:
        """Send so many messages, and wait until each is done."""
        accepted: dict[str, float] = {}
        began = time.time()
        with _bar(self._console) as progress:
            taking = progress.add_task("accepted", total=count)
            sending = progress.add_task("sent", total=count)
            for start in range(0, count, _BATCH):
                for name in self._batch(range(start, min(start + _BATCH, count))):
                    accepted[name] = time.time()
                progress.update(taking, completed=len(accepted))
                progress.update(sending, completed=self._arrived(accepted))
            self._wait(accepted, lambda arrived: progress.update(sending, completed=arrived))
        found = arrivals(self._stand.journal)
        return tally(accepted, found, failed=self._count("failed"), began=began)

    def _form(self) -> Mapping[str, Any]:
        return {
            "type": "smtp",
            "provider": "other",
            "server": SERVER,
            "port": self._stand.smtp_port,
            "login": LOGIN,
            "password": self._stand.password,
            "from_name": "Hart & Co",
            "from_address": LOGIN,
            "allow_ssl": True,
        }

    def _refused_switch_on(self) -> None:
        answer = self._http.post(f"/portals/{SLUG}/email-settings/switch-on")
        if answer.status_code != _CONFLICT:
            raise Unexpected(f"an early switch-on was answered with {answer.status_code}")
        found = answer.json()
        self._say(f"early switch-on refused ({found['step']}): {found['detail']}")

    def _test(self) -> None:
        found = self._settings("POST", "/test", {"to": "anna@client.example"})
        self._say("sent a test mail:")
        for each in found["stages"]:
            mark = "ok" if each["ok"] else "--"
            self._console.print(
                f"    {mark} {each['stage']:<10} {each['ms']:7.1f} ms  {each['detail']}"
            )
        if not found["accepted"]:
            raise Unexpected("the test mail was not accepted")

    def _batch(self, numbers: range) -> list[str]:
        messages = [_message(each) for each in numbers]
        items = self._call("POST", "/messages/batch", {"messages": messages})["items"]
        if refused := [each["problem"] for each in items if "problem" in each]:
            raise Unexpected(f"a message was refused: {refused[0]}")
        return [each["id"] for each in items]

    def _wait(self, accepted: Mapping[str, float], tell: Callable[[int], None]) -> None:
        """Wait until every message is done, as long as there is any progress."""
        last, ends = -1, time.monotonic() + _PATIENCE
        while (arrived := self._arrived(accepted)) + self._count("failed") < len(accepted):
            tell(arrived)
            if arrived > last:
                last, ends = arrived, time.monotonic() + _PATIENCE
            if time.monotonic() > ends:
                raise Unexpected(f"{len(accepted) - arrived} messages did not leave in time")
            time.sleep(_LOOK)
        tell(arrived)

    def _arrived(self, accepted: Mapping[str, float]) -> int:
        return len(arrivals(self._stand.journal).first.keys() & accepted.keys())

    def _count(self, status: str) -> int:
        return len(self._call("GET", f"/messages?status={status}&limit=100")["items"])

    def _settings(self, method: str, path: str, body: object = None) -> Json:
        return self._call(method, f"/portals/{SLUG}/email-settings{path}", body)

    def _call(self, method: str, path: str, body: object = None) -> Json:
        answer = self._http.request(method, path, json=body)
        if not answer.is_success:
            raise Unexpected(
                f"{method} {path} was answered with {answer.status_code}: {answer.text}"
            )
        found: Json = answer.json()
        return found

    def _say(self, what: str) -> None:
        self._console.print(f"- {what}")


def _message(number: int) -> Mapping[str, Any]:
    return {
        "to": [{"email": f"client{number}@client.example", "name": f"Client {number}"}],
        "subject": f"Invoice {number}",
        "text": f"Dear client,\n\nplease find invoice {number} in your portal.\n\nHart & Co\n" * 40,
    }


def _code(mailbox: Path) -> str:
    found = _CODE.search((mailbox / "1.eml").read_text("utf-8"))
    if found is None:
        raise Unexpected("the test mail holds no code")
    return found[1]


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
