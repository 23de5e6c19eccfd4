"""The rules that a draft of the Email Settings must keep to be saved."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import settings
from letterhead.mail.header import NAME_LIMIT
from letterhead.mail.providers import RELAY_SUFFIXES
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption
from letterhead.mail.settings import (
    FOREIGN_PORTS,
    PORTS,
    DefaultSettings,
    KeepPassword,
    PasswordEdit,
    Ports,
    RemovePassword,
    Settings,
    SmtpSettings,
    Type,
    apply_password_rule,
)
from tests.bad_inputs import Row, rows

TYPED = Secret("correct horse")
KEEP = KeepPassword()
DRAFT = SmtpSettings(
    server="smtp.example.com", login="office@example.com", from_address="office@example.com"
)
SAVED = replace(DRAFT, password_set=True)
RELAY = SmtpSettings(
    server="example-com.mail.protection.outlook.com", port=25, from_address="office@example.com"
)
PLAIN = replace(DRAFT, login="", allow_ssl=False, port=25)


def checked(
    draft: SmtpSettings, edit: PasswordEdit = TYPED, saved: Settings | None = None
) -> tuple[SmtpSettings, list[tuple[str, str]]]:
    found, problems = settings.checked_smtp(draft, edit, saved, ports=Ports())
    return found, [(each.field, each.code) for each in problems]


def problems(
    draft: SmtpSettings, edit: PasswordEdit = TYPED, saved: Settings | None = None
) -> list[tuple[str, str]]:
    return checked(draft, edit, saved)[1]


def test_a_whole_form_has_no_problems() -> None:
    assert checked(DRAFT) == (SAVED, [])


@pytest.mark.parametrize("row", rows("port"), ids=str)
def test_ports_of_other_services_and_what_is_no_port_are_refused(row: Row) -> None:
    port: Any = row.value

    assert problems(replace(DRAFT, port=port)) == [("port", "not_allowed")]


@pytest.mark.parametrize("port", sorted(PORTS))
def test_the_ports_of_mail_are_taken(port: int) -> None:
    assert problems(replace(DRAFT, port=port)) == []


@pytest.mark.parametrize("port", [8025, 8465])
def test_the_ports_of_a_preset_are_taken_for_it_alone(port: int) -> None:
    assert problems(replace(DRAFT, provider="smtp2go", port=port)) == []
    assert problems(replace(DRAFT, port=port)) == [("port", "not_allowed")]


def test_a_preset_says_which_of_its_ports_are_encrypted_from_the_start() -> None:
    plain = replace(DRAFT, provider="smtp2go", port=8025)
    tls = replace(plain, port=8465)

    assert (plain.encryption, tls.encryption) == (Encryption.STARTTLS, Encryption.TLS)
    assert ("allow_ssl", "required") in problems(replace(tls, allow_ssl=False))


@pytest.mark.parametrize("window", [0, 9, -1])
def test_a_window_has_its_bounds(window: int) -> None:
    assert problems(replace(DRAFT, window=window)) == [("window", "invalid")]
    assert problems(replace(DRAFT, window=8)) == []


def test_the_operator_opens_ports_one_by_one_or_all_but_some() -> None:
    some = Ports(opened=frozenset({1025}))
    nearly_all = Ports(any_but=FOREIGN_PORTS)

    assert [port in some for port in (587, 1025, 1026)] == [True, True, False]
    assert [port in nearly_all for port in (25, 1026, 65535)] == [True] * 3
    assert [port in nearly_all for port in (0, -1, 22, 5432, 65536)] == [False] * 5


@pytest.mark.parametrize("row", [row for row in rows("address") if row.expect == "reject"], ids=str)
def test_addresses_are_read_by_the_strict_grammar(row: Row) -> None:
    found = problems(replace(DRAFT, from_address=row.text, copy_to=row.text))
    of_default = settings.checked_default(DefaultSettings(reply_to=row.text, copy_to=row.text))[1]

    assert found == [("from_address", "invalid"), ("copy_to", "invalid")]
    assert [each.field for each in of_default] == ["reply_to", "copy_to"]


def test_what_is_right_is_normalised_and_what_is_not_stays_as_typed() -> None:
    draft = replace(DRAFT, server=" SMTP.Example.COM. ", from_address="Me@BÜCHER.example")
    wrong = replace(DRAFT, server="https://x", from_address="nobody")

    assert checked(draft)[0].server == "smtp.example.com"
    assert checked(draft)[0].from_address == "Me@xn--bcher-kva.example"
    assert checked(wrong) == (
        replace(wrong, password_set=True),
        [("server", "invalid"), ("from_address", "invalid")],
    )


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        (SmtpSettings(), ["server", "from_address", "login"]),
        (replace(DRAFT, provider="nobody"), ["provider"]),
        (replace(DRAFT, login=""), ["login"]),
        (replace(DRAFT, login="a" * 321), ["login"]),
        (replace(DRAFT, login="a\r\nb"), ["login"]),
        (replace(DRAFT, from_name="a\r\nb"), ["from_name"]),
        (replace(DRAFT, from_name="a" * (NAME_LIMIT + 1)), ["from_name"]),
        (replace(DRAFT, port=465, allow_ssl=False), ["allow_ssl"]),
        (replace(DRAFT, port=587, allow_ssl=False), ["allow_ssl"]),
        (RELAY, ["login"]),
        (replace(RELAY, login="me"), []),
    ],
)
def test_every_problem_is_named_by_its_field_once(draft: SmtpSettings, found: list[str]) -> None:
    assert [field for field, _ in problems(draft)] == found


@pytest.mark.parametrize("row", [row for row in rows("header_value") if row.is_rejected], ids=str)
def test_a_name_that_no_mail_could_show_is_not_saved(row: Row) -> None:
    of_default = settings.checked_default(DefaultSettings(from_name=row.text))[1]

    assert problems(replace(DRAFT, from_name=row.text)) == [("from_name", "invalid")]
    assert [each.field for each in of_default] == ["from_name"]


@pytest.mark.parametrize("suffix", RELAY_SUFFIXES)
def test_a_relay_is_reached_on_port_25_and_needs_no_login(suffix: str) -> None:
    draft = replace(RELAY, server=f"Firm{suffix.upper()}.", port=587)

    found = checked(draft, KEEP)

    assert found == (replace(RELAY, server=f"firm{suffix}"), [])


@pytest.mark.parametrize("server", ["evilmail.protection.outlook.com", "mx.microsoft.evil.example"])
def test_a_relay_is_known_on_the_boundary_of_a_label(server: str) -> None:
    assert not replace(RELAY, server=server).is_relay


def test_a_login_is_never_sent_unencrypted() -> None:
    assert problems(PLAIN, KEEP) == []
    assert problems(PLAIN, TYPED) == [("allow_ssl", "required")]
    assert problems(replace(PLAIN, login="me"), KEEP) == [("allow_ssl", "required")]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        *(("", "empty"), ("***", "mask"), ("••••••", "mask"), ("·●", "mask")),
        *(("a\0b", "invalid"), ("a\nb", "invalid"), ("\ud800", "invalid"), ("a" * 1025, "invalid")),
    ],
)
def test_a_password_is_typed_and_no_mask_of_one(typed: str, code: str) -> None:
    assert problems(DRAFT, Secret(typed))[0] == ("password", code)


@pytest.mark.parametrize("typed", ["**a**", " ", "pässwörd", "a" * 1024])
def test_odd_passwords_are_passwords(typed: str) -> None:
    assert problems(DRAFT, Secret(typed)) == []


def test_a_password_that_was_not_typed_stays() -> None:
    assert checked(replace(DRAFT, from_name="Office"), KEEP, SAVED) == (
        replace(SAVED, from_name="Office"),
        [],
    )


@pytest.mark.parametrize(
    "change",
    [{"server": "evil.example.com"}, {"port": 465}, {"port": 2525}, {"login": "other"}],
)
def test_a_stored_password_does_not_travel_elsewhere(change: dict[str, Any]) -> None:
    draft = replace(DRAFT, **change)

    found, named = checked(draft, KEEP, SAVED)

    assert named == [("password", "retype")]
    assert not found.password_set


@pytest.mark.parametrize("saved", [None, DefaultSettings(), DRAFT])
def test_where_no_password_was_stored_it_is_required(saved: Settings | None) -> None:
    assert problems(DRAFT, KEEP, saved) == [("password", "required")]


def test_a_password_can_be_forgotten() -> None:
    found, named = checked(DRAFT, RemovePassword(), SAVED)

    assert not found.password_set
    assert named == [("password", "required")]
    assert problems(RELAY, RemovePassword(), replace(RELAY, login="me", password_set=True)) == []


@pytest.mark.parametrize(
    ("port", "allow_ssl", "encryption"),
    [
        *((465, True, Encryption.TLS), (2465, True, Encryption.TLS)),
        *((587, True, Encryption.STARTTLS), (25, True, Encryption.STARTTLS)),
        *((25, False, Encryption.NONE), (465, False, Encryption.NONE)),
    ],
)
def test_ticked_means_encrypted_and_the_port_says_from_when(
    port: int, *, allow_ssl: bool, encryption: Encryption
) -> None:
    assert replace(DRAFT, port=port, allow_ssl=allow_ssl).encryption is encryption


def test_a_test_proves_the_way_and_the_address_and_not_the_names() -> None:
    renamed = replace(SAVED, from_name="Office", copy_to="archive@example.com")

    assert renamed.proof == SAVED.proof
    for change in ({"server": "a.b"}, {"port": 25}, {"login": "x"}, {"from_address": "x@y.z"}):
        changed: dict[str, Any] = dict(change)
        assert replace(SAVED, **changed).proof != SAVED.proof


def test_the_default_needs_nothing_and_keeps_what_is_right() -> None:
    draft = DefaultSettings(from_name="Office", reply_to="me@EXAMPLE.com", copy_to="nobody")

    found, named = settings.checked_default(draft)

    assert settings.checked_default(DefaultSettings()) == (DefaultSettings(), [])
    assert found == replace(draft, reply_to="me@example.com")
    assert [each.field for each in named] == ["copy_to"]


def test_the_type_follows_from_the_kind_of_settings() -> None:
    assert (DefaultSettings().type, SmtpSettings().type) == (Type.DEFAULT, Type.SMTP)


@given(
    st.builds(
        SmtpSettings,
        provider=st.sampled_from(["other", "gmail"]),
        server=st.sampled_from([DRAFT.server, RELAY.server, "", "x y", "127.0.0.1"]),
        port=st.sampled_from([25, 465, 587, 22]),
        login=st.sampled_from(["", "me", "\0"]),
        from_address=st.sampled_from(["a@b.example", "", "x"]),
        allow_ssl=st.booleans(),
    ),
    st.sampled_from([TYPED, Secret(""), KEEP, RemovePassword()]),
    st.sampled_from([None, DefaultSettings(), DRAFT, SAVED, RELAY]),
)
def test_what_may_be_saved_can_be_saved_again(
    draft: SmtpSettings, edit: PasswordEdit, saved: Settings | None
) -> None:
    found, named = checked(draft, edit, saved)

    assert len({field for field, _ in named}) == len(named)
    if not named:
        assert problems(found, KEEP, found) == []
        assert not (found.password_set and found.encryption is Encryption.NONE)
        assert found.password_set == bool(found.login)


@pytest.mark.parametrize(
    ("provider", "typed", "kept"),
    [
        ("gmail", "abcd efgh ijkl mnop", "abcdefghijklmnop"),
        ("gmail", "abcd efgh ijkl", "abcd efgh ijkl"),
        ("gmail", "my pass word", "my pass word"),
        ("other", "abcd efgh ijkl mnop", "abcd efgh ijkl mnop"),
    ],
)
def test_the_blanks_of_google_s_app_passwords_are_no_part_of_them(
    provider: str, typed: str, kept: str
) -> None:
    assert apply_password_rule(Secret(typed), provider) == Secret(kept)
