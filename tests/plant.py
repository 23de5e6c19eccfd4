"""A whole installation whose processes may be killed, and an upstream that counts."""

import signal
import time
from pathlib import Path

from letterhead.demo import certificate
from letterhead.demo.stand import LOGIN, end, start_process, start_upstream
from letterhead.demo.tally import Arrivals, arrivals
from tests.forms import message, smtp
from tests.running import Platform, Portal
from tests.test_cli import Done

PASSWORD = "an-upstream-of-the-tests"
BATCH = 100


class Plant:
    """
    Letterhead, two portals that are switched on, and an upstream that writes down what it takes.

    On PostgreSQL one `web` and two `work`, on SQLite one `serve`, as everywhere if it is `whole`.
    """

    def __init__(self, folder: Path, url: str, *, whole: bool = False) -> None:
        self.folder = folder
        self.database = url.rpartition("/")[2]
        (folder / "mailbox").mkdir()
        files = certificate.made(folder, "localhost")
        self.upstream, port = start_upstream(folder, files, PASSWORD)
        self.settings = {
            "LETTERHEAD_DATABASE_URL": url,
            "LETTERHEAD_ALLOW_DESTINATIONS": f"127.0.0.1:{port}",
            "LETTERHEAD_CA_FILE": str(folder / "authority.pem"),
            "LETTERHEAD_DATA_DIR": str(folder / "data"),
        }
        assert Done(folder / "data", "migrate", LETTERHEAD_DATABASE_URL=url).code == 0
        shared = url.startswith("postgresql") and not whole
        self.web = Platform(folder, self.settings, "web" if shared else "serve")
        self.workers = [self.start() for _ in range(2)] if shared else []
        self.ids: set[str] = set()
        self.hart = switched_on(self.web, "hart", port, folder / "mailbox")
        self.orla = switched_on(self.web, "orla", port, folder / "mailbox")

    def start(self) -> "Worker":
        return Worker(self.folder, self.settings)

    def accept(self, count: int, *portals: Portal) -> None:
        """Hand in so many messages, of both portals or of some."""
        portals = portals or (self.hart, self.orla)
        for start in range(0, count, BATCH):
            messages = [message(f"Mail {at}") for at in range(start, start + BATCH)]
            portal = portals[start // BATCH % len(portals)]
            items = portal.call("POST", "/messages/batch", {"messages": messages})["items"]
            self.ids |= {each["id"] for each in items}

    def arrived(self) -> Arrivals:
        return arrivals(self.folder / "journal")

    def wait_for(self, count: int, seconds: float = 120) -> None:
        """Wait until so many of what was handed in have arrived."""
        ends = time.monotonic() + seconds
        while (found := len(self.arrived().first.keys() & self.ids)) < count:
            assert time.monotonic() < ends, f"{found} of {count}"
            time.sleep(0.02)

    def end(self) -> None:
        for each in self.workers:
            each.end()
        self.web.stop()
        end(self.upstream)


def switched_on(web: Platform, slug: str, port: int, mailbox: Path) -> Portal:
    """A portal whose mail leaves through the upstream, which keeps the test mail in `mailbox`."""
    portal = web.portal(slug)
    portal.save(
        smtp(
            server="localhost",
            port=port,
            login=LOGIN,
            password=PASSWORD,
            from_address=LOGIN,
        )
    )
    assert portal.change("test", {"to": "anna@client.test"})["accepted"]
    newest = max(mailbox.iterdir(), key=lambda each: int(each.stem))
    code = newest.read_text().split("    ")[1].split("\n")[0]
    portal.change("confirm", {"code": code.strip()})
    portal.change("switch-on")
    return portal


class Worker:
    """One `letterhead work`."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.log = folder / f"log-{time.monotonic_ns()}"
        self.process = start_process(["work"], settings, self.log)
        ends = time.monotonic() + 60
        while "working" not in self.log.read_text():
            assert time.monotonic() < ends
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Ask it to stop; gives its exit code."""
        end(self.process)
        return self.process.returncode
