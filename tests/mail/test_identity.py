"""What a domain publishes for Amazon SES, and how its identity stands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from letterhead.mail import identity
from letterhead.mail.identity import Identity, Purpose, Quota, Record
from letterhead.mail.settings import SesSettings
from letterhead.mail.spf import State

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HART = SesSettings(region="eu-west-1", from_address="office@hart.test")
WAITING = Identity(
    name="hart.test",
    region="eu-west-1",
    verified=False,
    status="PENDING",
    dkim="PENDING",
    tokens=("a1", "b2", "c3"),
    hosted_zone="dkim.eu-west-1.amazonses.com",
)
READY = replace(WAITING, verified=True, status="SUCCESS", dkim="SUCCESS")
ALONE = Identity(name="office@hart.test", region="eu-west-1", verified=False)


def test_keys_are_where_ses_says() -> None:
    assert [(each.type, each.name, each.value) for each in identity.records(WAITING)] == [
        ("CNAME", f"{each}._domainkey.hart.test", f"{each}.dkim.eu-west-1.amazonses.com")
        for each in ("a1", "b2", "c3")
    ]


def test_where_ses_names_no_zone_it_is_the_usual_one() -> None:
    found = identity.records(replace(WAITING, hosted_zone=""))

    assert found[0].value == "a1.dkim.amazonses.com"


def test_mail_from_needs_two_records() -> None:
    found = identity.records(replace(WAITING, tokens=(), mail_from="bounces.hart.test"))

    assert [(each.type, each.value) for each in found] == [
        ("MX", "10 feedback-smtp.eu-west-1.amazonses.com"),
        ("TXT", "v=spf1 include:amazonses.com ~all"),
    ]


def test_an_address_needs_no_record() -> None:
    assert identity.records(replace(ALONE, tokens=("a1",))) == []


KEY = Record(Purpose.DKIM, "a1._domainkey.hart.test", "CNAME", "a1.dkim.amazonses.com")
MX = Record(Purpose.MAIL_FROM, "b.hart.test", "MX", "10 feedback-smtp.eu-west-1.amazonses.com")
SPF = Record(Purpose.MAIL_FROM, "b.hart.test", "TXT", "v=spf1 include:amazonses.com ~all")


@pytest.mark.parametrize(
    ("record", "found", "state"),
    [
        (KEY, None, "unknown"),
        (KEY, [], "missing"),
        (KEY, ["A1.dkim.amazonses.com"], "published"),
        (KEY, ["a1.dkim.amazonses.com.hart.test"], "different"),
        (MX, ["feedback-smtp.eu-west-1.amazonses.com"], "published"),
        (MX, ["mail.hart.test"], "different"),
        (SPF, ["v=spf1 include:amazonses.com -all"], "published"),
        (SPF, ["v=spf1 include:amazonses.com.evil.test -all"], "different"),
        (SPF, ["google-site-verification=x"], "different"),
    ],
)
def test_dns_is_compared_with_what_is_to_be_published(
    record: Record, found: list[str] | None, state: str
) -> None:
    assert record.state(found) == state


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (None, State.UNKNOWN, "has not said yet"),
        (READY, State.PASS, "has verified hart.test"),
        (WAITING, State.MISSING, "Publish the CNAME records of hart.test"),
        (replace(READY, dkim="PENDING"), State.MISSING, "Publish"),  # verified, and not signed
        (replace(WAITING, dkim="FAILED"), State.MISSING, "verify again"),
    ],
)
def test_how_a_domain_stands(found: Identity | None, state: State, words: str) -> None:
    assert identity.state(found) is state
    assert words in identity.detail(found, HART)


def test_how_an_address_stands() -> None:
    settings = replace(HART, identity="address")

    assert "Open the link" in identity.detail(ALONE, settings)
    assert identity.state(replace(ALONE, verified=True)) is State.PASS


def test_ses_is_asked_ever_later() -> None:
    pauses = [identity.next_look(WAITING, looks, now=NOW) - NOW for looks in range(1, 9)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=1))
    assert identity.next_look(READY, 1, now=NOW) - NOW == timedelta(hours=6)


def test_an_identity_is_read_as_it_was_kept() -> None:
    quota = Quota(
        sandbox=True, enabled=True, enforcement="HEALTHY", a_day=200.0, sent=3.0, a_second=1.0
    )
    found = replace(READY, quota=quota, tenant=identity.tenant("hart"))

    assert identity.read(identity.kept(found)) == found
    assert identity.read(None) is None


def test_no_two_portals_have_one_tenant() -> None:
    slugs = ["hart", "x" * 64, "x" * 63 + "y", "x" * 61]

    names = {identity.tenant(each) for each in slugs}

    assert len(names) == len(slugs)
    assert all(len(each) <= 64 for each in names)
