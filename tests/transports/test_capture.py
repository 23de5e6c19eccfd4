"""Mail that is kept in a folder: one file a recipient, whole or not at all."""

from pathlib import Path

from letterhead.mail.reply import Break, Kind, Reply
from letterhead.transports.base import Passed
from letterhead.transports.capture import CaptureTransport
from tests.transports.conftest import INVOICE, always, never


async def test_a_mail_is_one_file_with_its_envelope_on_top(tmp_path: Path) -> None:
    answer = await CaptureTransport(tmp_path / "captured").send(INVOICE, always)

    [file] = (tmp_path / "captured").iterdir()
    assert isinstance(answer, Reply)
    assert (answer.code, answer.captured) == (250, True)
    assert file.read_bytes() == (
        b"X-Letterhead-Envelope-From: office@hart.test\r\n"
        b"X-Letterhead-Envelope-To: anna@client.test\r\n"
        b"Subject: Invoice\r\n\r\nDear Anna\r\n"
    )
    assert file.stat().st_mode & 0o777 == 0o600


async def test_without_a_go_nothing_is_kept(tmp_path: Path) -> None:
    answer = await CaptureTransport(tmp_path / "captured").send(INVOICE, never)

    assert isinstance(answer, Break)
    assert answer.kind is Kind.STALE
    assert not (tmp_path / "captured").exists()


async def test_a_folder_that_cannot_be_written_is_a_matter_of_time(tmp_path: Path) -> None:
    (tmp_path / "captured").write_text("a file is in the way")

    answer = await CaptureTransport(tmp_path / "captured").send(INVOICE, always)

    assert isinstance(answer, Reply)
    assert answer.code == 452


async def test_a_rehearsal_tells_one_stage(tmp_path: Path) -> None:
    told: list[Passed] = []

    await CaptureTransport(tmp_path).rehearse(INVOICE, always, told.append)

    assert [each.ok for each in told] == [True]
