"""The catalogue of what answers mean: there is a meaning for every answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import faults
from letterhead.mail.faults import Repair
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage

ENHANCED = ["", "4.2.2 full", "5.1.1 who", "5.3.4 big", "5.7.1 no", "5.7.9 app", "5.7.64 relay"]

replies = st.builds(Reply, st.sampled_from(Stage), st.integers(200, 599), st.sampled_from(ENHANCED))
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
        (Reply(Stage.RECIPIENT, 450, "4.2.0 Greylisted"), "recipient-deferred"),
        (Reply(Stage.RECIPIENT, 550), "recipient-refused"),
        (Reply(Stage.MESSAGE, 451), "message-deferred"),
        (Reply(Stage.MESSAGE, 554, "5.7.1 Spam"), "message-refused"),
        (Reply(Stage.MESSAGE, 354), "unexpected-reply"),
        (Break(Stage.MESSAGE, Kind.CERTIFICATE), "certificate-not-valid"),
    ],
)
def test_an_answer_means_what_the_catalogue_says(answer: Answer, code: str) -> None:
    assert faults.of(answer).code == code


@given(st.one_of(replies, breaks))
def test_every_answer_has_a_meaning_that_is_found_again_by_its_code(answer: Answer) -> None:
    found = faults.of(answer)

    assert faults.by_code(found.code) is found


@given(breaks)
def test_a_break_never_condemns_a_recipient(broken: Break) -> None:
    found = faults.of(broken)

    assert found.retry is not Repair.NO


@given(replies.filter(lambda reply: reply.code // 100 == 4))
def test_a_passing_refusal_is_never_for_ever_but_for_size(reply: Reply) -> None:
    found = faults.of(reply)

    assert found.retry is Repair.BACKOFF or found.code == "message-too-large" or found.pauses


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


def test_codes_are_not_given_twice() -> None:
    codes = [row.fault.code for row in faults._rows()]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("row", faults._rows(), ids=lambda row: row.fault.code)
def test_every_fault_says_what_to_do_and_who(row: faults._Row) -> None:
    fault = row.fault

    assert fault.title
    assert not fault.title.endswith(".")
    assert fault.meaning.endswith(".")
    assert fault.steps
    assert fault.who in {"portal admin", "provider admin", "dns", "platform", "recipient", "nobody"}
    assert fault.scope in {"message", "recipient", "connection", "credential", "sender", "config"}
    assert row.kinds <= {*Kind, "expired"}
    assert row.stages <= set(Stage)


def test_a_fault_is_shown_with_the_reply_of_the_server() -> None:
    reply = Reply(Stage.RECIPIENT, 550, "5.1.1 No such user")

    found = faults.shown(faults.of(reply), reply.row)

    assert found["code"] == "no-such-mailbox"
    assert found["retry"] == "no"
    assert found["reply"] == {"code": 550, "enhanced": "5.1.1", "text": "5.1.1 No such user"}
    assert found.keys() == {
        *("code", "title", "meaning", "who", "steps", "fields", "retry", "reply"),
    }
