"""A full disk: what cannot be kept is refused, and what was accepted is delivered."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.forms import message
from tests.journeys.settings import eventually, go_live_scripted
from tests.running import Platform, Portal
from tests.servers import small_disk
from tests.servers.certificates import Certificates
from tests.servers.scripted import Scripted

MEGABYTES = 8
BODY = "x" * 76 + "\n"


@pytest.fixture
def hart(tmp_path: Path, certs: Certificates) -> Iterator[Portal]:
    """A portal of a Letterhead whose data folder is a small disk of its own."""
    data = tmp_path / "data"
    data.mkdir()
    settings = {
        "LETTERHEAD_ALLOW_DESTINATIONS": "127.0.0.1",
        "LETTERHEAD_CA_FILE": str(certs.authority),
    }
    with small_disk.mounted(data, MEGABYTES) as is_mounted:
        if not is_mounted:
            pytest.skip("needs to mount a small disk: run as root")
        platform = Platform(tmp_path, settings)
        yield platform.portal("hart")
        platform.stop()
        assert platform.errors() == []


def accepted_until_full(hart: Portal) -> tuple[list[str], httpx.Response]:
    """Hand in large messages until one is refused; gives the ids, and the refusal."""
    ids: list[str] = []
    for number in range(200):
        large = message(f"Mail {number}", text=BODY * 1000)
        answer = hart.ask("POST", "/messages", large)
        if not answer.is_success:
            return ids, answer
        ids.append(answer.json()["id"])
    raise AssertionError("the disk never was full")


def test_what_was_accepted_is_delivered_once_when_there_is_space_again(
    hart: Portal, server: Scripted, tmp_path: Path
) -> None:
    go_live_scripted(hart, server)
    server.delay = 0.05
    first = hart.send(message("First"))
    small_disk.fill(tmp_path / "data" / "filler")

    ids, refused = accepted_until_full(hart)
    (tmp_path / "data" / "filler").unlink()
    ids += [first, eventually(lambda: _id(hart.ask("POST", "/messages", message("Last"))))]
    for each in ids:
        hart.wait_for(each, "sent")

    assert refused.status_code == httpx.codes.INSUFFICIENT_STORAGE
    assert int(refused.headers["retry-after"]) > 0
    assert len(server.taken) == len(ids)


def _id(answer: httpx.Response) -> str:
    return str(answer.json()["id"]) if answer.is_success else ""
