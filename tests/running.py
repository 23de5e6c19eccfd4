"""A running Letterhead, and the platform that speaks to it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from letterhead.demo.stand import end, said_in, start_service, trust
from letterhead.mail.portal import Scope

KEY = "a-platform-key-of-the-tests"
DONE = frozenset({"sent", "captured", "failed", "cancelled", "suppressed", "uncertain"})


class Platform:
    """`letterhead serve` in a process of its own, and calls of its API with the platform's key."""

    def __init__(self, folder: Path, settings: Mapping[str, str], command: str = "serve") -> None:
        self.folder = folder
        self._command = command
        self._settings = {
            "LETTERHEAD_DATA_DIR": str(folder / "data"),
            "LETTERHEAD_LISTEN": "127.0.0.1:0",
            "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": KEY,
            "LETTERHEAD_PLATFORM_NAME": "Desk",
            "LETTERHEAD_DEFAULT_FROM": "no-reply@desk.test",
            **settings,
        }
        self.start()

    def start(self) -> None:
        """Start it; on a free port, so the address changes with each start."""
        self.log = self.folder / f"log-{time.monotonic_ns()}"
        self.process, self.address = start_service(self._settings, self.log, self._command)
        self.said = said_in(self.log)
        self.trust = trust(self._settings)
        self.http = httpx.Client(
            base_url=self.address,
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=60,
            verify=self.trust,
        )

    def stop(self) -> None:
        self.http.close()
        end(self.process)

    def kill(self) -> None:
        """End it as a power cut of the process would: SIGKILL."""
        self.http.close()
        self.process.kill()
        self.process.wait()

    def command(self, *words: str) -> str:
        """Run a command of the operator beside the service; gives what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "letterhead", *words],
            env={**os.environ, **self._settings},  # noqa: TID251 - beside the test's own
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    def errors(self) -> list[str]:
        """What the service has logged as a fault of its own."""
        lines = [
            line for each in self.folder.glob("log-*") for line in each.read_text().splitlines()
        ]
        return [line for line in lines if '"level": "error"' in line or "Traceback" in line]

    def captured(self) -> list[Path]:
        """What the platform's own route has kept."""
        return sorted((self.folder / "data" / "captured").glob("[!.]*.eml"))

    def portal(self, slug: str, name: str = "Hart & Co") -> "Portal":
        """Add a portal."""
        added = Portal(self, slug)
        added.call("POST", "/portals", {"slug": slug, "name": name})
        return added


class Portal:
    """One portal, and what the platform asks of it."""

    def __init__(self, platform: Platform, slug: str) -> None:
        self.platform = platform
        self.slug = slug

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"X-Portal": self.slug}
        return self.platform.http.request(method, f"/v1{path}", json=body, headers=headers)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call a route that is expected to answer 2xx, and give what it answers."""
        answer = self.ask(method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def refused(self, method: str, path: str, body: object = None) -> Any:
        """Call a route that is expected to refuse, and give the problem."""
        answer = self.ask(method, path, body)
        assert answer.is_client_error, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()

    def key(self, *scopes: Scope) -> str:
        """Issue a key of the portal."""
        body = {"name": "tests", "scopes": [each.value for each in scopes]}
        found: str = self.call("POST", f"/portals/{self.slug}/keys", body)["key"]
        return found

    def settings(self) -> Any:
        return self.call("GET", self.form)

    def save(self, form: Mapping[str, object]) -> Any:
        return self.call("PUT", self.form, form)

    def change(self, what: str, body: object = None) -> Any:
        """Test, confirm, switch on or back."""
        return self.call("POST", f"{self.form}/{what}", body)

    def refused_change(self, what: str, body: object = None) -> Any:
        return self.refused("POST", f"{self.form}/{what}", body)

    @property
    def form(self) -> str:
        return f"/portals/{self.slug}/email-settings"

    def send(self, message: Mapping[str, object]) -> str:
        """Hand in one message; gives its id."""
        found: str = self.call("POST", "/messages", message)["id"]
        return found

    def message(self, message_id: str) -> Any:
        return self.call("GET", f"/messages/{message_id}")

    def statuses(self, message_id: str) -> list[str]:
        return [each["status"] for each in self.message(message_id)["recipients"]]

    def wait_for(self, message_id: str, *statuses: str) -> Any:
        """Wait until every recipient has one of `statuses` (by default: is done)."""
        wanted = frozenset(statuses) or DONE
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            if set(self.statuses(message_id)) <= wanted:
                return self.message(message_id)
            time.sleep(0.05)
        raise AssertionError(f"still {self.message(message_id)}")
