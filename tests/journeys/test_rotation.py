"""The key ring is turned while mail flows, and a ring that lacks a key loses nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forms import message, smtp
from tests.journeys.settings import go_live_scripted
from tests.running import Platform
from tests.servers.certificates import Certificates
from tests.servers.scripted import Scripted
from tests.test_cli import Done


@pytest.fixture
def own(tmp_path: Path, certs: Certificates) -> Iterator[Platform]:
    """A Letterhead whose data folder is this test's alone."""
    settings = {
        "LETTERHEAD_ALLOW_DESTINATIONS": "127.0.0.1",
        "LETTERHEAD_CA_FILE": str(certs.authority),
    }
    running = Platform(tmp_path, settings)
    yield running
    running.stop()


def data(platform: Platform) -> Path:
    return platform.folder / "data"


def keys(platform: Platform) -> list[str]:
    return (data(platform) / "secret.key").read_text().split()


def rotate(platform: Platform, *words: str) -> list[dict[str, object]]:
    done = Done(data(platform), "rotate-key", "--json", *words)
    assert (done.code, done.err) == (0, "")
    found: list[dict[str, object]] = json.loads(done.out)
    return found


def logins(server: Scripted) -> int:
    return sum(line.startswith("AUTH") for line in server.said)


def test_the_ring_is_turned_while_mail_flows(own: Platform, server: Scripted) -> None:
    hart, first = own.portal("hart"), keys(own)
    go_live_scripted(hart, server)
    ids = [hart.send(message(f"Before {number}")) for number in range(20)]

    turned = rotate(own)
    ids += [hart.send(message(f"Between {number}")) for number in range(20)]
    dropped = rotate(own, "--drop-old")
    ids += [hart.send(message(f"After {number}")) for number in range(20)]
    for each in ids:
        hart.wait_for(each, "sent")

    assert turned == [{"keys": 2, "resealed": 1, "locked": []}]
    assert dropped == [{"keys": 1, "resealed": 0, "locked": []}]
    assert not set(first) & set(keys(own))
    assert len(server.taken) == len(ids)


def test_a_running_service_signs_in_and_seals_with_the_new_key(
    own: Platform, server: Scripted
) -> None:
    hart = own.portal("hart")
    go_live_scripted(hart, server)
    rotate(own)
    rotate(own, "--drop-old")
    before = logins(server)

    tested = hart.change("test", {"to": "anna@client.test"})  # over a connection of its own
    hart.save(smtp(server="localhost", port=server.port))
    again = rotate(own, "--drop-old")

    assert tested["accepted"] is True
    assert logins(server) == before + 1
    assert again == [{"keys": 1, "resealed": 0, "locked": []}]


def test_codes_that_were_sent_before_a_turn_still_count(own: Platform, server: Scripted) -> None:
    hart = own.portal("hart")
    hart.save(smtp(server="localhost", port=server.port))
    hart.change("test", {"to": "anna@client.test"})
    code = server.taken.pop().content.decode().split("    ")[1].split("\r\n")[0]

    rotate(own)
    confirmed = hart.change("confirm", {"code": code})

    assert confirmed["next"]["confirmed"] is True


def test_without_its_key_mail_waits_and_health_is_red(own: Platform, server: Scripted) -> None:
    hart = own.portal("hart")
    go_live_scripted(hart, server)
    ring = data(own) / "secret.key"
    kept = ring.read_text()
    own.stop()
    ring.unlink()
    own.start()

    waiting = hart.send(message("Waits"))
    hart.wait_for(waiting, "held")
    health, ready = own.http.get("/healthz"), own.http.get("/readyz")
    turned = Done(data(own), "rotate-key")
    dropped = Done(data(own), "rotate-key", "--drop-old")
    ring.write_text(ring.read_text() + kept)
    hart.change("resume")
    found = hart.wait_for(waiting, "sent")

    assert hart.settings()["connection"]["state"] == "active"
    assert (health.status_code, health.json()["status"], ready.status_code) == (503, "red", 200)
    assert health.json()["problems"] == ["Stored secrets whose key is not in the ring: 1."]
    assert own.http.get("/healthz").json()["status"] == "ok"
    assert turned.code == 1
    assert (dropped.code, len(dropped.err.splitlines())) == (1, 1)
    assert "hart" in dropped.err
    assert found["recipients"][0]["fault"] is None


def test_a_ring_of_the_environment_is_the_operator_s_to_change(tmp_path: Path) -> None:
    first, second = (Done(tmp_path, "rotate-key", "--print-new").out.strip() for _ in range(2))

    alone = Done(tmp_path, "rotate-key", LETTERHEAD_SECRET_KEYS=first)
    drop = Done(tmp_path, "rotate-key", "--drop-old", LETTERHEAD_SECRET_KEYS=f"{second},{first}")

    assert first != second
    assert (alone.code, drop.code) == (1, 1)
    assert "LETTERHEAD_SECRET_KEYS" in alone.err
    assert "LETTERHEAD_SECRET_KEYS" in drop.err
