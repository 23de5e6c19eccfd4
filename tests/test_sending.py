"""`letterhead send`: files and stdin are handed in; a caller of sendmail finds its exit codes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Platform, Portal
from tests.test_cli import Done

INVOICE = "To: anna@client.test\nBcc: bob@client.test\nSubject: Invoice\n\nDear Anna\n"
DOTTED = "To: anna@client.test\n\nfirst\n.\nsecond\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("desk"), {})
    running.portal("hart")
    yield running
    running.stop()
    assert running.errors() == []


@pytest.fixture
def data(desk: Platform) -> Path:
    """The data folder of a service that runs; it has the portal `hart`."""
    return desk.folder / "data"


@pytest.fixture
def hart(desk: Platform) -> Portal:
    return Portal(desk, "hart")


def test_files_are_handed_in_beside_a_running_service(
    data: Path, hart: Portal, tmp_path: Path
) -> None:
    files = [str(tmp_path / f"{name}.eml") for name in ("first", "second")]
    for name in files:
        Path(name).write_text(INVOICE.replace("Invoice", Path(name).stem))

    sent = Done(data, "send", "--portal", "hart", "--json", *files)

    states = [hart.wait_for(each["id"], "captured") for each in json.loads(sent.out)]
    people = [each["email"] for each in states[0]["recipients"]]
    assert [each["subject"] for each in states] == ["first", "second"]
    assert people == ["anna@client.test", "bob@client.test"]


def test_it_stands_in_for_sendmail(data: Path, hart: Portal) -> None:
    words = ["send", "--portal", "hart", "-t", "-oi", "-f", "www@host", "-bm"]

    sent = Done(data, *words, stdin=INVOICE.replace("Invoice", "as sendmail"))

    assert (sent.code, sent.out, sent.err) == (0, "", "")
    assert len(hart.call("GET", "/messages?q=as+sendmail")["items"]) == 1


@pytest.mark.parametrize(
    ("flag", "kept"),
    [("-bm", "first\r\n"), ("-i", "first\r\n.\r\nsecond\r\n"), ("-oi", "first\r\n.\r\nsecond\r\n")],
)
def test_a_dot_alone_ends_a_message_unless_told_otherwise(
    data: Path, hart: Portal, flag: str, kept: str
) -> None:
    sent = Done(data, "send", "--portal", "hart", "-t", flag, stdin=f"Subject: {flag}\n{DOTTED}")

    (found,) = hart.call("GET", f"/messages?q={flag}")["items"]
    body = hart.ask("GET", f"/messages/{found['id']}/body").text
    assert sent.code == 0
    assert body.partition("\r\n\r\n")[2] == kept


@pytest.mark.parametrize(
    ("words", "stdin", "settings", "code", "says"),
    [
        (["--portal", "hart"], "", {}, os.EX_USAGE, "-t"),
        (["--portal", "hart", "-t", "file"], "", {}, os.EX_USAGE, "-t"),
        (["-t"], INVOICE, {}, os.EX_USAGE, "--portal"),
        (["-t", "--nonsense"], INVOICE, {}, os.EX_USAGE, "nonsense"),
        (["--portal", "hart", "none.eml"], "", {}, os.EX_NOINPUT, "none.eml: No such file"),
        (["--portal", "hart", "-t"], "no header\n", {}, os.EX_DATAERR, "stdin: headers"),
        (["--portal", "hart", "-t"], "To: nobody\n\nx\n", {}, os.EX_DATAERR, "stdin: to"),
        (["--portal", "nobody", "-t"], INVOICE, {}, os.EX_NOUSER, "no such portal"),
        (
            ["--portal", "hart", "-t"],
            INVOICE,
            {"LETTERHEAD_DATABASE_URL": "postgresql://127.0.0.1:1/none"},
            os.EX_TEMPFAIL,
            "refused",
        ),
        (
            ["--portal", "hart", "-t"],
            INVOICE,
            {"LETTERHEAD_LISTEN": "nowhere"},
            os.EX_CONFIG,
            "LETTERHEAD_LISTEN",
        ),
    ],
    ids=["nothing", "both", "no portal", "option", "file", "header", "to", "portal", "db", "env"],
)
def test_what_is_wrong_tells_the_caller_what_to_do(  # noqa: PLR0913 - a table
    data: Path, words: list[str], stdin: str, settings: dict[str, str], code: int, says: str
) -> None:
    done = Done(data, "send", *words, stdin=stdin, **settings)

    assert (done.code, done.out) == (code, "")
    assert done.err.count("\n") == 1
    assert says in done.err


def test_one_bad_file_keeps_all_from_being_sent(data: Path, hart: Portal, tmp_path: Path) -> None:
    (tmp_path / "good.eml").write_text(INVOICE.replace("Invoice", "good one"))
    (tmp_path / "bad.eml").write_text("To: nobody\n\nx\n")
    files = [str(tmp_path / each) for each in ("good.eml", "bad.eml")]

    sent = Done(data, "send", "--portal", "hart", *files)

    assert sent.code == os.EX_DATAERR
    assert "bad.eml" in sent.err
    assert hart.call("GET", "/messages?q=good+one")["items"] == []
