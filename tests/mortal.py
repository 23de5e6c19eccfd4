"""An installation whose service comes to a failpoint, and the sums that are done afterwards."""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import httpx

from letterhead.delivery import lease
from letterhead.demo.stand import end, start_process
from letterhead.mail.providers import PROVIDERS
from tests.forms import message
from tests.journeys.settings import eventually
from tests.plant import Plant
from tests.running import Platform, Portal
from tests.servers.certificates import Certificates
from tests.test_cli import Done

LARGE = "Dear Anna, dear Ben, dear Carl\n" * 1500  # it has a file of its own beside SQLite
MAILS = 24  # every other one waits for a person where nobody knows whether it arrived
SEATS = PROVIDERS["other"].limits.connections
TERM = lease.TERM.total_seconds()

_PATIENCE = 30.0  # seconds


class Site:
    """A copy of a plant, with a database of its own (a copy, too; empty is SQLite's)."""

    def __init__(self, plant: Plant, certs: Certificates, folder: Path, url: str = "") -> None:
        shutil.copytree(plant.folder / "data", folder / "data")
        trusted = folder / "trusted.pem"
        files = [plant.folder / "authority.pem", certs.authority]
        trusted.write_text("".join(each.read_text("ascii") for each in files))
        self.plant, self.certs, self.folder = plant, certs, folder
        self.url = url or f"sqlite:///{folder}/data/letterhead.db"
        self.settings = {
            **plant.settings,
            "LETTERHEAD_DATABASE_URL": self.url,
            "LETTERHEAD_DATA_DIR": str(folder / "data"),
            "LETTERHEAD_ALLOW_DESTINATIONS": "127.0.0.1",
            "LETTERHEAD_CA_FILE": str(trusted),
        }
        self.started = 0.0
        self._services: list[Platform] = []

    def start(self, failpoint: str = "", **more: str) -> Platform:
        """Start the service."""
        self.platform = Platform(self.folder, {**self.on(failpoint), **more})
        self.started = time.monotonic()
        self._services.append(self.platform)
        return self.platform

    def on(self, failpoint: str = "") -> dict[str, str]:
        """The environment of a process."""
        return {**self.settings, "LETTERHEAD_FAILPOINT": failpoint}

    def dies(self) -> None:
        """Wait until the service has come to its failpoint."""
        self.platform.http.close()
        assert self.platform.process.wait(_PATIENCE) == -signal.SIGKILL

    def dies_by_itself(self, failpoint: str) -> None:
        """Start the service, which comes to its failpoint without being asked for anything."""
        settings = {**self.on(failpoint), "LETTERHEAD_LISTEN": "127.0.0.1:0"}
        log = self.folder / f"log-{time.monotonic_ns()}"
        process = start_process(["serve"], settings, log)
        try:
            assert process.wait(_PATIENCE) == -signal.SIGKILL
        finally:
            end(process)

    def command(self, *words: str, failpoint: str = "") -> Done:
        """Run a command of the operator beside the service."""
        return Done(self.folder / "data", *words, **self.on(failpoint))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._services:
            each.kill()
        assert self.platform.errors() == []

    @property
    def hart(self) -> Portal:
        return Portal(self.platform, "hart")

    def hand_in(self, key: str = "once") -> list[str]:
        """
        Hand in; a key stands for the same mail each time.

        Gives nothing where there is no answer, or the store is not to be had.
        """
        policies = ("hold", "resend")
        texts = (LARGE, "Dear Anna", "Dear Anna")
        batch = [
            message(f"Mail {at}", on_uncertain=policies[at % 2], text=texts[at % 3])
            for at in range(MAILS)
        ]
        headers = {"X-Portal": "hart", "Idempotency-Key": key}
        try:
            answer = self.platform.http.post(
                "/v1/messages/batch", json={"messages": batch}, headers=headers, timeout=5
            )
        except httpx.HTTPError:
            return []
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return []
        return [each["id"] for each in answer.raise_for_status().json()["items"]]

    def handed_in(self, key: str = "once") -> list[str]:
        """Hand in until it is answered, as clients do."""
        return eventually(lambda: self.hand_in(key))

    def books(self) -> dict[str, str]:
        """How each mail that was handed in stands, all at one moment."""
        items = self.hart.call("GET", "/messages?limit=100")["items"]
        handed_in = [each for each in items if each["subject"].startswith("Mail ")]
        return {each["id"]: each["recipients"][0]["status"] for each in handed_in}

    def arrived(self, ids: Sequence[str]) -> Counter[str]:
        """How often each has arrived."""
        times = self.plant.arrived().times
        return Counter({each: times[each] for each in ids if each in times})

    def claims_come_back(self) -> None:
        """Within twice a lease nothing is left of what the dead one had claimed."""
        while "sending" in self.books().values():
            assert time.monotonic() - self.started <= 2 * TERM
            time.sleep(0.05)

    def all_is_well(self, ids: Sequence[str], *, twice: int = 0) -> None:
        """
        Wait until nothing is under way, and do the sums of one batch.

        `twice`: how many may have come twice of those that may be sent again.
        """
        eventually(lambda: not {"queued", "sending"} & set(self.books().values()))
        books, arrived = self.books(), self.arrived(ids)
        held, others = ids[::2], ids[1::2]
        assert len(set(ids) & books.keys()) == MAILS
        assert {books[each] for each in held} <= {"sent", "uncertain"}
        assert {books[each] for each in others} == {"sent"}
        assert {each for each in ids if books[each] == "sent"} <= arrived.keys()
        assert max(arrived[each] for each in held) <= 1
        assert sum(arrived[each] - 1 for each in others) <= twice
