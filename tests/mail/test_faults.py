"""The catalogue of what answers mean: there is a meaning for every answer."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import faults
from letterhead.mail.faults import Fault, Repair
from letterhead.mail.providers import PROVIDERS
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.settings import SesSettings, SmtpSettings
from tests.examples import EXAMPLES, Example

TEXTS = sorted({text for row in faults.rows() for text in row.when.texts})
CODES = sorted({code for row in faults.rows() for code in row.when.enhanced})

words = st.lists(st.sampled_from([*TEXTS, *CODES]) | st.text(max_size=20), max_size=4)
texts = st.builds(str.join, st.sampled_from([" ", "\n", ""]), words)
providers = st.sampled_from([*PROVIDERS, "", "nobody"])
replies = st.builds(Reply, st.sampled_from(Stage), st.integers(200, 599), texts)
breaks = st.builds(Break, st.sampled_from(Stage), st.sampled_from(Kind), after_dot=st.booleans())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Break(Stage.RESOLVE, Kind.NO_ADDRESS), "server-not-found"),
        (Break(Stage.RESOLVE, Kind.DNS_FAILED), "dns-no-answer"),
        (Break(Stage.CONNECT, Kind.REFUSED), "connection-refused"),
        (Break(Stage.CONNECT, Kind.TIMED_OUT), "connection-timed-out"),
        (Break(Stage.MESSAGE, Kind.TIMED_OUT), "connection-lost"),
        (Break(Stage.ENCRYPT, Kind.CERTIFICATE), "certificate-not-valid"),
        (Break(Stage.ENCRYPT, Kind.NO_STARTTLS), "no-starttls"),
        (Break(Stage.ENCRYPT, Kind.TLS), "tls-failed"),
        (Break(Stage.SIGN_IN, Kind.NO_AUTH), "no-auth"),
        (Break(Stage.SIGN_IN, Kind.LOCKED), "password-locked"),
        (Break(Stage.CONNECT, Kind.PROTOCOL), "not-smtp"),
        (Break(Stage.SIGN_IN, Kind.CLOSED), "connection-lost-early"),
        (Break(Stage.RECIPIENT, Kind.CLOSED), "connection-lost"),
        (Reply(Stage.CONNECT, 421), "server-busy"),
        (Reply(Stage.CONNECT, 554), "not-welcome"),
        (Reply(Stage.SIGN_IN, 534, "5.7.9 Application-specific password"), "app-password-required"),
        (Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials"), "login-refused"),
        (Reply(Stage.SIGN_IN, 454, "4.7.0 Temporary"), "sign-in-busy"),
        (Reply(Stage.SENDER, 530, "5.7.0 Authentication required"), "sign-in-required"),
        (Reply(Stage.SENDER, 553, "5.7.1 Not yours"), "sender-refused"),
        (Reply(Stage.SENDER, 552, "5.3.4 Too big"), "message-too-large"),
        (Reply(Stage.SENDER, 450, "4.7.1 Slow down"), "sender-deferred"),
        (Reply(Stage.MESSAGE, 550, "5.7.60 SendAsDenied"), "sender-not-allowed"),
        (Reply(Stage.RECIPIENT, 550, "5.7.64 Relay Access Denied"), "relay-denied"),
        (Reply(Stage.RECIPIENT, 550, "5.1.1 No such user"), "no-such-mailbox"),
        (Reply(Stage.RECIPIENT, 552, "5.2.2 Over quota"), "mailbox-full"),
        (Reply(Stage.RECIPIENT, 450, "4.2.0 Greylisted"), "greylisted"),
        (Reply(Stage.RECIPIENT, 450, "4.2.0 Not now"), "recipient-deferred"),
        (Reply(Stage.RECIPIENT, 550), "recipient-refused"),
        (Reply(Stage.MESSAGE, 451), "message-deferred"),
        (Reply(Stage.MESSAGE, 554, "5.7.1 Spam"), "message-refused"),
        (Reply(Stage.MESSAGE, 354), "unexpected-reply"),
        (Break(Stage.MESSAGE, Kind.CERTIFICATE), "certificate-not-valid"),
    ],
)
def test_an_answer_means_what_the_catalogue_says(answer: Answer, code: str) -> None:
    assert faults.of(answer).code == code


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_means_the_fault_that_it_stands_with(example: Example) -> None:
    found = faults.of(example.reply, provider=example.provider)

    assert found.code == example.code


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_words_suffice_whatever_the_enhanced_code_is(example: Example) -> None:
    for text in example.row.when.texts:
        reply = Reply(example.stage, example.reply.code, f"9.9.9 X {text.upper()} x")

        assert faults.of(reply, provider=example.provider).code == example.code, text


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_stage_and_provider_of_a_row_means_the_same(example: Example) -> None:
    when = example.row.when
    stages = [Stage(each) for each in when.stages or {"sender", "recipient", "message"}]

    for stage in stages if when.texts or when.enhanced else []:
        for provider in when.providers or {"other"}:
            reply = Reply(stage, example.reply.code, example.reply.text)
            assert faults.of(reply, provider=provider).code == example.code, (stage, provider)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_reply_of_an_unknown_provider_and_stage_is_found_by_its_words(example: Example) -> None:
    found = faults.of(example.reply, anywhere=True)

    # Words that several say mean what they mean of anybody.
    of_anybody = found in {row.fault for row in faults.rows() if not row.when.providers}
    assert found.code == example.code or of_anybody


@pytest.mark.parametrize(
    ("provider", "reply", "code"),
    [
        # One number, many meanings: the sentence tells.
        ("microsoft365", "535 5.7.139 x, user is locked by security defaults policy", "security-d"),
        ("microsoft365", "535 5.7.139 Authentication unsuccessful, account locked", "account-lock"),
        ("microsoft365", "535 5.7.139 Authentication unsuccessful", "identity-refused"),
        ("microsoft365", "535 5.7.139 No", "login-refused"),
        (
            "microsoft365",
            "550 5.2.252 Sender throttled due to continuous send as d",
            "repeated-err",
        ),
        (
            "microsoft365",
            "550 5.2.252 Sender throttled due to continuous send as denied",
            "send-as-",
        ),
        ("microsoft365", "554 5.2.252 SendAsDenied", "sender-not-allowed"),
        # A sentence before an enhanced code, whoever says it.
        ("microsoft365", "432 4.3.2 recipient thread limit exceeded", "recipient-busy"),
        ("microsoft365", "432 4.3.2 x", "too-many-connections-of-mailbox"),
        ("other", "550 5.1.1 Relaying denied", "relay-denied"),
        # An enhanced code before the first digit; of a range, both ends and what lies between.
        ("microsoft365_relay", "550 5.7.606 x", "address-on-microsoft-list"),
        ("microsoft365_relay", "550 5.7.649 x", "address-on-microsoft-list"),
        ("microsoft365_relay", "550 5.7.650 x", "message-refused"),
        ("microsoft365", "451 4.7.550 x", "microsoft-slows-us"),
        # The provider's own words before those of anybody.
        ("microsoft365", "554 5.2.2 mailbox full", "sending-mailbox-full"),
        ("microsoft365_relay", "554 5.2.2 mailbox full", "mailbox-full"),
        ("gmail", "554 5.2.2 mailbox full", "mailbox-full"),
        ("other", "554 5.2.2 mailbox full", "mailbox-full"),
        # What is said elsewhere counts where the provider is not known, but not for another one.
        ("", "550 5.4.5 Daily user sending limit exceeded", "google-daily-limit"),
        ("other", "550 5.4.5 Daily user sending limit exceeded", "google-daily-limit"),
        ("zoho", "550 5.4.5 Daily user sending limit exceeded", "message-refused"),
        ("other", "550 5.4.5 x", "message-refused"),
        # Lines belong together, and codes are said again in each.
        ("gmail", "421 4.7.0 Try again later,\n4.7.0 closing connection.", "google-not-now"),
        ("gmail", "550 5.7.1 Your mail  was\n5.7.1 UNAUTHENTICATED\n5.7.1 blocked", "message-ref"),
        ("gmail", "550 5.7.1 The\n5.7.1 SENDER is\n5.7.1 unauthenticated", "sender-unauthent"),
        ("other", "421 4.7.0 Try again later, closing connection.", "server-busy"),
        # What is put off is not refused for ever; what is refused with time may well pass.
        ("other", "450 4.1.1 User unknown", "message-deferred"),
        ("microsoft365", "550 5.7.708 x", "new-organisation-refused"),
    ],
)
def test_what_counts_for_more(provider: str, reply: str, code: str) -> None:
    number, _, text = reply.partition(" ")
    stage = Stage.SIGN_IN if number == "535" else Stage.MESSAGE

    found = faults.of(Reply(stage, int(number), text), provider=provider)

    assert found.code.startswith(code)


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (Stage.CONNECT, "server-busy"),
        (Stage.SIGN_IN, "sign-in-busy"),
        (Stage.SENDER, "sender-deferred"),
        (Stage.RECIPIENT, "recipient-deferred"),
        (Stage.MESSAGE, "message-deferred"),
    ],
)
def test_the_same_words_mean_what_their_stage_means(stage: Stage, code: str) -> None:
    found = faults.of(Reply(stage, 451, "4.7.1 Please try again later"))

    assert found.code == code


def test_a_login_that_cannot_be_checked_now_is_not_a_wrong_one() -> None:
    down = faults.of(Reply(Stage.SIGN_IN, 454, "4.7.0 Temporary authentication failure"))
    wrong = faults.of(Reply(Stage.SIGN_IN, 535, "5.7.8 authentication failure"))

    assert (down.code, wrong.code) == ("sign-in-busy", "login-refused")


@given(answer=st.one_of(replies, breaks), provider=providers, anywhere=st.booleans())
def test_every_answer_has_a_meaning_that_is_found_again_by_its_code(
    *, answer: Answer, provider: str, anywhere: bool
) -> None:
    found = faults.of(answer, provider=provider, anywhere=anywhere)

    assert faults.by_code(found.code) is found


@given(breaks)
def test_a_break_never_condemns_a_recipient(broken: Break) -> None:
    found = faults.of(broken)

    assert found.retry is not Repair.NO


@given(replies.filter(lambda reply: reply.code < 500), providers)
def test_what_is_put_off_is_never_refused_for_ever(reply: Reply, provider: str) -> None:
    found = faults.of(reply, provider=provider)

    assert found.retry is not Repair.NO


def test_only_what_a_person_must_mend_pauses_a_connection() -> None:
    login = faults.by_code("login-refused")
    busy = faults.by_code("server-busy")
    full = faults.by_code("mailbox-full")

    assert [login.pauses, busy.pauses, full.pauses] == [True, False, False]
    assert [login.of_connection, busy.of_connection, full.of_connection] == [True, True, False]


def test_only_what_says_that_there_is_no_such_mailbox_suppresses_an_address() -> None:
    suppressing = [fault for fault in faults.every() if fault.suppresses]

    assert faults.by_code("no-such-mailbox") in suppressing
    for fault in suppressing:
        assert (fault.retry, fault.scope) == (Repair.NO, "recipient")


def test_a_code_that_never_was_is_not_found() -> None:
    with pytest.raises(KeyError):
        faults.by_code("no-such-fault")


def test_nothing_is_said_twice() -> None:
    found = faults.every()

    for said in ("code", "title", "meaning"):
        assert len({getattr(each, said) for each in found}) == len(found), said
    assert len({row.when.example for row in faults.rows() if row.when.example}) == len(EXAMPLES)


FIELDS = {
    *(*SmtpSettings.__annotations__, "password"),
    *(*SesSettings.__annotations__, "secret_access_key"),
}


@pytest.mark.parametrize("fault", faults.every(), ids=lambda fault: fault.code)
def test_every_fault_says_what_to_do_and_who(fault: Fault) -> None:
    assert fault.title
    assert not fault.title.endswith(".")
    assert fault.meaning.endswith(".")
    assert fault.steps
    assert all(each.strip() == each and each for each in fault.steps)
    assert fault.who in {"portal admin", "provider admin", "dns", "platform", "recipient", "nobody"}
    assert fault.scope in {
        *("message", "recipient"),
        *("connection", "credential", "sender", "account", "tenant", "config"),
    }
    assert set(fault.fields) <= FIELDS
    assert faults.told_by(fault)


@pytest.mark.parametrize("fault", faults.every(), ids=lambda fault: fault.code)
def test_what_helps_fits_whom_it_concerns(fault: Fault) -> None:
    assert fault.retry is not Repair.NO or not fault.of_connection
    assert fault.retry is not Repair.WINDOW or fault.hold >= timedelta(minutes=1)
    assert not fault.hold or fault.pauses or fault.retry in {Repair.WINDOW, Repair.BACKOFF}
    assert not fault.scatter or (fault.of_connection and fault.retry is Repair.BACKOFF)
    assert not fault.pauses or fault.who != "nobody"


@pytest.mark.parametrize("fault", faults.every(), ids=lambda fault: fault.code)
def test_every_row_names_what_there_is(fault: Fault) -> None:
    for when in faults.told_by(fault):
        assert when.kinds <= {*Kind, "expired"}
        assert when.stages <= set(Stage)
        assert when.providers <= PROVIDERS.keys() - {"other"}
        assert bool(when.example) is not bool(when.kinds) or fault.code == "unexpected-reply"
        assert when.confirmed or when.example


def test_a_fault_is_shown_with_the_reply_of_the_server() -> None:
    reply = Reply(Stage.RECIPIENT, 550, "5.1.1 No such user")

    found = faults.shown(faults.of(reply), reply.row)

    assert found["code"] == "no-such-mailbox"
    assert found["retry"] == "no"
    assert found["reply"] == {"code": 550, "enhanced": "5.1.1", "text": "5.1.1 No such user"}
    assert found.keys() == {
        *("code", "title", "meaning", "who", "steps", "fields", "retry", "reply"),
    }


@pytest.mark.parametrize(
    ("code", "shows"),
    [
        ("login-refused", True),
        ("certificate-not-valid", True),
        ("no-starttls", True),
        ("password-locked", True),
        ("server-not-found", True),
        ("relay-denied", False),
        ("sender-not-allowed", False),
        ("connector-missing", False),
        ("unexpected-break", False),
    ],
)
def test_whether_a_sign_in_tells_that_a_fault_is_over(code: str, *, shows: bool) -> None:
    assert faults.shows_at_sign_in(code) is shows
