"""What a receiver is told, how it knows that we say it, and which receivers there may be."""

from datetime import UTC, datetime, timedelta

import pytest

from letterhead.mail.secret import Secret
from letterhead.mail.settings import Ports
from letterhead.mail.webhook import KINDS, checked, new_secret, next_call, signature
from tests.bad_inputs import Row, rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_calls_are_signed_as_standard_webhooks_says() -> None:
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    assert signature(secret, content) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_no_two_secrets_are_equal() -> None:
    made = {new_secret().reveal() for _ in range(100)}

    assert len(made) == 100
    assert all(len(each) >= 40 for each in made)


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://hooks.hart.test/mail?from=letterhead", None),
        ("HTTPS://Hooks.Hart.test.:443", "https://hooks.hart.test/"),
        ("https://hooks.hart.test:8443/", None),
    ],
)
def test_an_address_is_normalised(url: str, is_kept: str | None) -> None:
    assert checked(url, KINDS, Ports(frozenset({8443}))) == (is_kept or url, [])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.hart.test/",
        "https://user:pw@hooks.hart.test/",
        "https://hooks.hart.test/#part",
        "https://hooks.hart.test:25/",
        "https://hooks.hart.test:99999/",
        "https://hooks.hart.test:0/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::1/",
        "https://hooks.hart.test/a b",
        "https://hooks.hart.test/\r\nHost: other.test",
        "https:///nowhere",
        "file:///etc/passwd",
        f"https://hooks.hart.test/{'a' * 2000}",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    _, problems = checked(url, ["sent", "arrived"], Ports())

    assert [each.field for each in problems] == ["url", "events.1"]


@pytest.mark.parametrize("row", rows("url"), ids=str)
def test_addresses_of_the_table(row: Row) -> None:
    _, problems = checked(row.text, ["sent"], Ports())

    # A certificate of a foreign host is no harm as an address that is called.
    assert [each.field for each in problems] == ([] if row.expect == "reject_cert_url" else ["url"])


def test_pauses_grow_and_then_stay() -> None:
    pauses = [next_call(failures, NOW) - NOW for failures in range(1, 9)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=5), timedelta(hours=1))
