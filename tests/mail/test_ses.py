"""The form of type AWS, and what SES's errors are as replies."""

from dataclasses import replace

import pytest

from letterhead.config import read as read_config
from letterhead.mail import ses
from letterhead.mail.reply import Stage
from letterhead.mail.secret import Secret
from letterhead.mail.settings import KeepPassword, PasswordEdit, RemovePassword, SesSettings

REGIONS = {"eu-west-1", "us-east-1"}
ROLE = "arn:aws:iam::123456789012:role/mail/letterhead"
OPERATOR = SesSettings(region="eu-west-1", from_name="Hart", from_address="office@hart.test")
BY_ROLE = replace(OPERATOR, account="role", role_arn=ROLE)
BY_KEYS = replace(OPERATOR, account="keys", access_key_id="AKIA1234567890123456")
SAVED = replace(BY_KEYS, secret_access_key_set=True)
TYPED = Secret("a secret of AWS")


def problems(
    draft: SesSettings, edit: PasswordEdit | None = None, saved: SesSettings | None = None
) -> dict[str, str]:
    """The codes of what is wrong, by field."""
    asked = KeepPassword() if edit is None else edit
    found = ses.checked_ses(draft, asked, saved, regions=REGIONS)[1]
    return {each.field: each.code for each in found}


@pytest.mark.parametrize("draft", [OPERATOR, BY_ROLE], ids=["operator", "role"])
def test_two_of_the_accounts_need_no_secret(draft: SesSettings) -> None:
    assert problems(draft) == {}


def test_keys_need_a_secret_which_is_kept_where_nothing_changes() -> None:
    assert problems(BY_KEYS) == {"secret_access_key": "required"}
    assert problems(BY_KEYS, TYPED) == {}
    assert problems(BY_KEYS, saved=SAVED) == {}
    assert problems(BY_KEYS, RemovePassword(), SAVED) == {"secret_access_key": "required"}


@pytest.mark.parametrize(
    "changes", [{"region": "us-east-1"}, {"access_key_id": "AKIA9999999999999999"}]
)
def test_a_stored_secret_travels_to_no_other_region_or_key(changes: dict[str, str]) -> None:
    changed = replace(BY_KEYS, **changes)  # type: ignore[arg-type] # texts only

    assert problems(changed, saved=SAVED) == {"secret_access_key": "retype"}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"region": ""}, "region", "unknown"),
        ({"region": "mars-north-1"}, "region", "unknown"),
        ({"from_address": ""}, "from_address", "required"),
        ({"from_address": "office"}, "from_address", "invalid"),
        ({"from_name": "a\nb"}, "from_name", "invalid"),
        ({"copy_to": "nobody"}, "copy_to", "invalid"),
        ({"identity": "both"}, "identity", "unknown"),
        ({"mail_from": "bounces.other.test"}, "mail_from", "invalid"),
        ({"mail_from": "hart.test"}, "mail_from", "invalid"),
        ({"mail_from": "evilhart.test"}, "mail_from", "invalid"),
        ({"mail_from": "bounces.hart.test", "identity": "address"}, "mail_from", "unused"),
        ({"account": "somebody"}, "account", "unknown"),
        ({"account": "role"}, "role_arn", "required"),
        ({"account": "role", "role_arn": "letterhead"}, "role_arn", "invalid"),
        ({"account": "role", "role_arn": f"{ROLE}\n"}, "role_arn", "invalid"),
        ({"role_arn": ROLE}, "role_arn", "unused"),
        ({"access_key_id": "AKIA1234567890123456"}, "access_key_id", "unused"),
    ],
)
def test_every_field_that_is_not_right_is_named(
    changes: dict[str, str], field: str, code: str
) -> None:
    changed = replace(OPERATOR, **changes)  # type: ignore[arg-type] # texts only

    assert problems(changed) == {field: code}


def test_a_mask_is_no_secret() -> None:
    assert problems(BY_KEYS, Secret("••••••••")) == {"secret_access_key": "mask"}
    assert problems(BY_KEYS, Secret("")) == {"secret_access_key": "empty"}
    assert problems(OPERATOR, TYPED) == {"secret_access_key": "unused"}


def test_names_are_normalised() -> None:
    typed = replace(OPERATOR, from_address="office@HART.test", mail_from="Bounces.Hart.Test.")

    found, wrong = ses.checked_ses(typed, KeepPassword(), None, regions=REGIONS)

    assert wrong == []
    assert (found.from_address, found.mail_from) == ("office@hart.test", "bounces.hart.test")


def test_the_operator_s_account_alone_is_asked_as_this_machine_is_set_up() -> None:
    assert ses.access(OPERATOR, None).is_operators
    assert not ses.access(BY_ROLE, None).is_operators
    assert not ses.access(BY_KEYS, None).is_operators  # also where its secret cannot be opened


@pytest.mark.parametrize(
    ("name", "status", "stage", "code"),
    [
        ("TooManyRequestsException", 429, Stage.MESSAGE, 454),
        ("ThrottlingException", 400, Stage.MESSAGE, 454),
        ("InternalFailure", 500, Stage.MESSAGE, 451),
        ("MessageRejected", 400, Stage.MESSAGE, 554),
        ("AccessDeniedException", 403, Stage.MESSAGE, 554),
        ("ExpiredTokenException", 403, Stage.SIGN_IN, 535),
        ("SignatureDoesNotMatch", 403, Stage.SIGN_IN, 535),
    ],
)
def test_an_error_of_aws_is_a_reply(name: str, status: int, stage: Stage, code: int) -> None:
    found = ses.reply(name, "No.", status)

    assert (found.stage, found.code, found.text) == (stage, code, f"{name}: No.")


def test_words_of_aws_are_made_harmless() -> None:
    assert ses.reply("MessageRejected", "\x1b[2J\u202e", 400).text.isprintable()


def test_a_limit_beside_the_route_by_ses_is_refused() -> None:
    with pytest.raises(Exception, match="LETTERHEAD_DEFAULT_ROUTE"):
        read_config({"LETTERHEAD_DEFAULT_ROUTE": "ses:eu-west-1?per_minute=5"})
