"""The operator's door: what it prints, its exit codes, and one line on stderr for what is wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from letterhead.demo.stand import end, start_service
from tests.servers.bind import Bind

COMMANDS = [
    *("serve", "web", "work", "migrate", "doctor", "portal add", "portal list", "portal show"),
    *(
        "portal export",
        "portal delete",
        "portal move",
        "user add",
        "user reset",
        "key create",
        "send",
    ),
    *("check-domain", "explain-reply", "rotate-key", "demo"),
]


class Done:
    """A command that has run."""

    def __init__(self, data: Path, *words: str, stdin: str = "", **settings: str) -> None:
        neutral = {key: at for key, at in os.environ.items() if not key.startswith("LETTERHEAD_")}  # noqa: TID251
        done = subprocess.run(
            [sys.executable, "-m", "letterhead", *words],
            env={**neutral, "LETTERHEAD_DATA_DIR": str(data), **settings},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


def test_a_portal_a_key_and_a_person_are_added(tmp_path: Path) -> None:
    added = Done(tmp_path, "portal", "add", "hart", "Hart & Co", "--json")
    key = Done(tmp_path, "key", "create", "--portal", "hart", "--scope", "send")
    platform = Done(tmp_path, "key", "create", "--platform")
    person = Done(tmp_path, "user", "add", "anna@hart.test", "--role", "admin", "--portal", "hart")
    viewer = ("user", "add", "vi@hart.test", "--role", "viewer", "--portal", "hart")
    for_programs = json.loads(Done(tmp_path, *viewer, "--json").out)
    listed = Done(tmp_path, "portal", "list")

    assert json.loads(added.out) == {"slug": "hart", "name": "Hart & Co", "type": "default"}
    assert re.fullmatch(r"\S{30,}\n", key.out)
    assert re.fullmatch(r"\S{30,}\n", platform.out)
    assert "anna@hart.test" in person.out
    assert for_programs == {**for_programs, "email": "vi@hart.test", "portal": "hart"}
    assert "token=" in for_programs["url"]
    assert "Hart & Co" in listed.out
    assert [each.code for each in (added, key, platform, person, listed)] == [0] * 5


def test_a_portal_moves_between_databases_of_postgresql_only(tmp_path: Path) -> None:
    Done(tmp_path, "portal", "add", "hart", "Hart & Co")

    moved = Done(tmp_path, "portal", "move", "hart", "--to", "postgresql://127.0.0.1:1/other")
    numbered = Done(tmp_path, "migrate", "--cell", "1")
    unknown = Done(tmp_path, "migrate", "--cell", "128")

    assert [each.code for each in (moved, numbered, unknown)] == [1, 1, 2]
    assert "PostgreSQL" in moved.err
    assert "PostgreSQL" in numbered.err
    assert "Hart & Co" in Done(tmp_path, "portal", "list").out


def test_a_portal_is_exported_and_deleted(tmp_path: Path) -> None:
    Done(tmp_path, "portal", "add", "hart", "Hart & Co")
    key = Done(tmp_path, "key", "create", "--portal", "hart")
    Done(tmp_path, "user", "add", "anna@hart.test", "--role", "admin", "--portal", "hart")

    exported = Done(tmp_path, "portal", "export", "hart")
    deleted = Done(tmp_path, "portal", "delete", "hart", "--yes", "--json")
    shown = Done(tmp_path, "portal", "show", "hart")
    again = Done(tmp_path, "portal", "add", "hart", "Hart & Co")

    rows = [json.loads(each) for each in exported.out.splitlines()]
    assert rows[0] == {**rows[0], "table": "portal", "slug": "hart", "name": "Hart & Co"}
    assert "anna@hart.test" in [each.get("email") for each in rows]
    assert key.out.strip() not in exported.out
    assert json.loads(deleted.out) == {"slug": "hart", "discarded": 0}
    assert (shown.code, again.code) == (1, 0)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["portal", "add", "Not A Slug", "x"], 2, "slug"),
        (["portal", "show", "nobody"], 1, "no such portal"),
        (["portal", "export", "nobody"], 1, "no such portal"),
        (["portal", "delete", "hart"], 2, "--yes"),
        (["portal", "delete", "nobody", "--yes"], 1, "no such portal"),
        (["key", "create"], 2, "--platform"),
        (["key", "create", "--portal", "nobody"], 1, "no such portal"),
        (["user", "add", "nobody", "--role", "operator"], 2, "email"),
        (["user", "add", "a@b.co", "--role", "admin"], 2, "portal"),
        (["user", "reset", "nobody@hart.test"], 1, "nobody with this address"),
        (["explain-reply", "hello"], 2, "code"),
        (["explain-reply", ""], 2, "code"),
        (["explain-reply", "--provider", "x", "535 no"], 2, "provider"),
        (["explain-reply", "--phase", "x", "535 no"], 2, "phase"),
        (["check-domain", "nowhere"], 2, "dot"),
        (["check-domain", "hart.test", "--provider", "x"], 2, "provider"),
        (["web"], 1, "PostgreSQL"),
        (["work"], 1, "PostgreSQL"),
        (["demo", "--messages", "0"], 2, "messages"),
        (["nonsense"], 2, "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_line_on_stderr(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    done = Done(tmp_path, *words)

    assert done.code == code
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert says in done.err


@pytest.mark.parametrize("words", [[], ["portal"], ["key"]], ids=str)
def test_without_a_command_there_is_help(tmp_path: Path, words: list[str]) -> None:
    done = Done(tmp_path, *words)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: ")
    assert "Commands:\n" in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = Done(tmp_path, *command.split(), "--help")

    assert done.code == 0
    assert "Usage:" in done.out


def test_a_variable_that_is_not_right_stops_every_command(tmp_path: Path) -> None:
    done = Done(tmp_path, "serve", LETTERHEAD_LISTEN="nowhere")

    assert done.code == 1
    assert done.err == (
        "letterhead: LETTERHEAD_LISTEN: 'nowhere' is not of the form address:port.\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LETTERHEAD_DATA_DIR", "file"),
        ("LETTERHEAD_DATABASE_URL", "sqlite:////does/not/exist/letterhead.db"),
        ("LETTERHEAD_CA_FILE", "file"),
        ("LETTERHEAD_SECRET_KEYS", "too-short"),
        ("LETTERHEAD_SECRET_KEYS_FILE", "file"),
        ("LETTERHEAD_SECRET_KEYS_FILE", "empty"),
        ("LETTERHEAD_PUBLIC_URL", "https://münchen.example"),
    ],
)
def test_an_environment_that_is_not_right_is_one_line(
    tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / "file").write_text("neither a folder nor a kéy", "utf-8")
    (tmp_path / "empty").write_text("")
    given = str(tmp_path / value) if (tmp_path / value).exists() else value

    done = Done(tmp_path / "data", "serve", **{"LETTERHEAD_LISTEN": "127.0.0.1:0", name: given})

    assert done.code == 1
    assert done.err.count("\n") == 1
    assert done.err.startswith("letterhead: ")


def test_a_data_folder_is_served_once(tmp_path: Path) -> None:
    settings = {"LETTERHEAD_DATA_DIR": str(tmp_path), "LETTERHEAD_LISTEN": "127.0.0.1:0"}
    process, _ = start_service(settings, tmp_path / "log")
    second = Done(tmp_path, "serve", LETTERHEAD_LISTEN="127.0.0.1:0")
    end(process)

    assert second.code == 1
    assert "Another process serves this database" in second.err
    assert process.returncode == 0


def test_the_doctor_finds_nothing_wrong_with_a_new_installation(tmp_path: Path) -> None:
    done = Done(
        tmp_path, "doctor", "--json", LETTERHEAD_DNS_SERVERS="127.0.0.1:9"
    )  # nobody is asked outside this machine

    found = {each["check"]: each["state"] for each in json.loads(done.out)}
    assert found["configuration"] == found["database"] == found["key"] == "ok"
    assert found["platform route"] == "warning"
    assert found["dns"] == "fault"
    assert done.code == 1


def test_the_doctor_finds_a_missing_key(tmp_path: Path) -> None:
    Done(tmp_path, "portal", "add", "hart", "Hart & Co")
    (tmp_path / "secret.key").write_text("not a key\n")

    done = Done(tmp_path, "doctor", "--json", LETTERHEAD_DNS_SERVERS="127.0.0.1:9")

    found = {each["check"]: each["state"] for each in json.loads(done.out)}
    assert (found["key"], done.code) == ("fault", 1)


def test_the_doctor_finds_missing_files_of_bodies(tmp_path: Path) -> None:
    Done(tmp_path, "portal", "add", "hart", "Hart & Co")
    large = "To: anna@client.test\nSubject: Plans\n\n" + "Dear Anna\n" * 5000
    Done(tmp_path, "send", "--portal", "hart", "-t", stdin=large)
    before = Done(tmp_path, "doctor", "--json", LETTERHEAD_DNS_SERVERS="127.0.0.1:9")
    [file] = (tmp_path / "letterhead.db-bodies").iterdir()
    file.unlink()

    done = Done(tmp_path, "doctor", "--json", LETTERHEAD_DNS_SERVERS="127.0.0.1:9")

    [well], [lost] = (
        [each for each in json.loads(told.out) if each["check"] == "bodies"]
        for told in (before, done)
    )
    assert (well["state"], lost["state"]) == ("ok", "fault")
    assert file.name in lost["detail"]


def test_a_reply_is_explained(tmp_path: Path) -> None:
    told = Done(tmp_path, "explain-reply", "535 5.7.8 Bad credentials")
    as_json = Done(tmp_path, "explain-reply", "--json", "--phase", "recipient", "550 5.1.1 None")

    assert "login-refused" in told.out
    fault = json.loads(as_json.out)
    assert fault["code"] == "no-such-mailbox"
    assert fault["reply"] == {"code": 550, "enhanced": "5.1.1", "text": "5.1.1 None"}
    assert fault.keys() == {
        *("code", "title", "meaning", "who", "steps", "fields", "retry", "reply")
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["535 5.7.139 x, SmtpClientAuthentication is disabled for the Tenant"], "smtp-off-for-o"),
        (["--provider", "microsoft365", "535 5.7.139 Authentication failed"], "login-refused"),
        (["--provider", "microsoft365", "--phase", "rcpt", "554 5.2.2 mailbox full"], "mailbox-f"),
        (["--provider", "microsoft365", "--phase", "data", "554 5.2.2 mailbox full"], "sending-m"),
        (["--phase", "any", "525 5.7.1 Unauthorized IP address"], "address-not-authorised"),
        (["550-5.7.1 The sender is\r\n550-5.7.1\r\n550 5.7.1 unauthenticated."], "sender-unauth"),
        (["421"], "server-busy"),
    ],
    ids=str,
)
def test_a_reply_is_explained_by_its_words_its_phase_and_its_provider(
    tmp_path: Path, words: list[str], code: str
) -> None:
    done = Done(tmp_path, "explain-reply", "--json", *words)

    assert done.code == 0, done.err
    assert json.loads(done.out)["code"].startswith(code)


def test_the_demo_proves_the_main_job(tmp_path: Path) -> None:
    done = Done(tmp_path, "demo", "--messages", "100", "--no-stay")

    assert done.code == 0, done.out
    assert done.out.splitlines()[-1] == "demo: ok"
    assert "early switch-on refused (test_accepted)" in done.out
    for stage in ("resolve", "connect", "encrypt", "sign_in", "sender", "recipient", "message"):
        assert f"ok {stage}" in done.out
    assert re.search(r"accepted +│ +100 │", done.out)
    assert re.search(r"duplicates +│ +0 │", done.out)
    assert list(tmp_path.iterdir()) == []


def test_a_domain_is_checked(tmp_path: Path, name_server: Bind) -> None:
    servers = {"LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}"}

    missing = Done(tmp_path, "check-domain", "other.test", "--provider", "gmail", **servers)
    passes = Done(tmp_path, "check-domain", "google.test", "--provider", "gmail", **servers)
    as_json = Done(tmp_path, "check-domain", "nothing.test", "--json", **servers)

    assert (missing.code, passes.code, as_json.code) == (1, 0, 1)
    assert "SPF of other.test: incomplete." in missing.out
    assert "other.test  TXT  v=spf1 mx include:_spf.google.com -all" in missing.out
    assert "SPF of google.test: pass." in passes.out
    assert "Look-ups: 1 of 10\n" in passes.out
    assert "Look-ups: 1 of 10, and 2 with this record\n" in missing.out
    assert json.loads(as_json.out)["spf"]["state"] == "missing"


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert re.fullmatch(r"letterhead \d+\.\d+\.\d+\n", Done(tmp_path, "--version").out)
