"""What a session says to any octets, whatever packets they come in."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from letterhead.mail.message import MESSAGE_LIMIT
from letterhead.submission.content import SWALLOWED, Room
from letterhead.submission.dialogue import Dialogue
from tests.bad_inputs import Row, rows
from tests.submission.talk import Talk, cut, encrypted, signed_in

BEGIN = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<anna@client.test>\r\n"
MAIL = BEGIN + b"DATA\r\nSubject: Hi\r\n\r\nHello\r\n.\r\n"
IN_DATA = [row for row in rows("smtp_in") if row.expect.startswith("one_message")]


def plain(slug: str, key: str, act_for: str = "") -> bytes:
    return base64.b64encode(f"{act_for}\0{slug}\0{key}".encode())


# Any octets, in any packets

pieces = st.one_of(
    st.sampled_from(
        [
            *(b"EHLO x\r\n", b"NOOP\r\n", b"RSET\r\n", BEGIN, MAIL, b"DATA\r\n", b"\r\n.\r\n"),
            *(b".\r\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r", b"\n", b"..", b"\0"),
            *(b"BDAT 5\r\n", b"BDAT 0 LAST\r\n", b"BDAT 7 LAST\r\n", b"bdat x\r\n", b"hello"),
            *(b"MAIL FROM:<>\r\n", b"RCPT TO:<b@y.test> NOTIFY=NEVER\r\n", b"VRFY x\r\n"),
            *(b"AUTH PLAIN\r\n", b"*\r\n", b"STARTTLS\r\n", b"RCPT TO:<\xc3\xbc@y.test>\r\n"),
            b"x" * 12_290,
        ]
    ),
    st.binary(max_size=40),
)
octets = st.lists(pieces, max_size=14).map(b"".join)
places = st.lists(st.integers(0, 60_000), max_size=12)


@given(octets, places)
@example(MAIL, [60, 61, 62, 63, 64, 65])
@example(BEGIN + b"BDAT 5\r\nhelloBDAT 2 LAST\r\n\r\n", list(range(80)))
def test_the_same_octets_in_any_packets_give_the_same_dialogue(sent: bytes, at: list[int]) -> None:
    at_once, in_pieces = signed_in(), signed_in()

    at_once.hear(sent)
    in_pieces.hear(*cut(sent, at))

    assert in_pieces.said == at_once.said
    assert in_pieces.parcels == at_once.parcels


@given(octets)
def test_whatever_a_stranger_says_nothing_is_taken_from_him(sent: bytes) -> None:
    talk = encrypted()

    talk.hear(sent)

    assert talk.parcels == []
    assert all(line[:1].isdigit() for line in talk.said.splitlines())


lines = st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@given(lines, places)
@example([b".", b"..", b"."], [3])
def test_a_message_comes_out_as_it_went_in(text: list[bytes], at: list[int]) -> None:
    whole = [line.replace(b"\r", b"") + b"\r\n" for line in text]
    message = b"".join(whole)
    stuffed = b"".join(b"." + each if each[:1] == b"." else each for each in whole)
    talk = signed_in()
    talk.hear(BEGIN + b"DATA\r\n")

    talk.hear(*cut(stuffed + b".\r\n", at))

    assert [each.content for each in talk.parcels] == [message]


@given(st.binary(max_size=60), places, st.integers(0, 60))
def test_chunks_hold_any_octets(message: bytes, at: list[int], half: int) -> None:
    first, last = message[:half], message[half:]
    sent = b"BDAT %d\r\n%sBDAT %d LAST\r\n%s" % (len(first), first, len(last), last)
    talk = signed_in()
    talk.hear(BEGIN)

    talk.hear(*cut(sent, at))

    assert [each.content for each in talk.parcels] == [message]


# SMTP smuggling


@pytest.mark.parametrize("row", IN_DATA, ids=str)
def test_only_crlf_dot_crlf_ends_a_message(row: Row) -> None:
    for at in range(1, len(row.octets)):
        talk = signed_in()
        talk.hear(BEGIN + b"DATA\r\n")

        talk.hear(row.octets[:at], row.octets[at:])

        (parcel,) = talk.parcels  # what is smuggled stays in it, and it is refused when it is read
        assert b"smuggled" in parcel.content
        assert parcel.recipients == ("anna@client.test",)


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b".\r\n"])
def test_what_looks_like_an_end_is_none(end: bytes) -> None:
    talk = signed_in()
    talk.hear(BEGIN + b"DATA\r\nHello")

    assert talk.hear(end) == b""
    assert talk.dialogue.in_message


# Encryption


def test_what_comes_in_clear_behind_starttls_is_forgotten() -> None:
    talk = Talk()
    talk.hear(b"EHLO client.test\r\n")
    (row,) = (each for each in rows("smtp_in") if each.expect == "discard_plaintext")

    said = talk.hear(row.octets)

    assert said == b"220 2.0.0 Ready to start TLS\r\n"
    assert (talk.encrypted, talk.dialogue.unread) == (1, 0)
    assert talk.codes(b"AUTH PLAIN\r\n") == [503]  # EHLO is forgotten, too


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"MAIL FROM:<a@x.test>\r\n", 530),
        (b"RCPT TO:<a@x.test>\r\n", 530),
        (b"DATA\r\n", 530),
        (b"BDAT 5\r\nhello", 530),
        (b"AUTH PLAIN " + plain("hart", "right") + b"\r\n", 538),
        (b"AUTH LOGIN\r\n", 538),
    ],
)
def test_nothing_goes_in_clear(sent: bytes, code: int) -> None:
    talk = Talk()
    offered = talk.hear(b"EHLO client.test\r\n")

    assert talk.codes(sent) == [code]
    assert b"STARTTLS" in offered
    assert b"AUTH" not in offered
    assert talk.shown == []


def test_tls_begins_once() -> None:
    assert b"STARTTLS" not in encrypted().said
    assert encrypted().codes(b"STARTTLS\r\n") == [503]


# Signing in


@pytest.mark.parametrize(
    "sent",
    [
        [b"AUTH PLAIN " + plain("hart", "right") + b"\r\n"],
        [b"AUTH PLAIN " + plain("hart", "right", "hart") + b"\r\n"],
        [b"auth plain\r\n", plain("hart", "right") + b"\r\n"],
        [b"AUTH LOGIN\r\n", b"aGFydA==\r\n", b"cmlnaHQ=\r\n"],
        [b"AUTH LOGIN aGFydA==\r\n", b"cmlnaHQ=\r\n"],
    ],
)
def test_plain_and_login_open_the_door(sent: list[bytes]) -> None:
    talk = encrypted()

    assert talk.codes(*sent)[-1] == 235
    assert [(each.slug, each.key.reveal()) for each in talk.shown] == [("hart", "right")]
    assert talk.codes(b"AUTH PLAIN\r\n") == [503]
    assert talk.codes(MAIL) == [250, 250, 354, 250]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([b"AUTH\r\n"], 504),
        ([b"AUTH CRAM-MD5\r\n"], 504),
        ([b"AUTH PLAIN !!!\r\n"], 501),
        ([b"AUTH PLAIN =\r\n"], 535),
        ([b"AUTH PLAIN\r\n", b"*\r\n"], 501),
        ([b"AUTH LOGIN\r\n", b"*\r\n"], 501),
        ([b"AUTH LOGIN\r\n", b"aGFydA==\r\n", b"%\r\n"], 501),
        ([b"AUTH PLAIN " + base64.b64encode(b"\0hart") + b"\r\n"], 535),
        ([b"AUTH PLAIN " + base64.b64encode(b"\0\xff\0x") + b"\r\n"], 501),
        ([b"AUTH PLAIN " + plain("hart", "right", "another") + b"\r\n"], 535),
        ([b"AUTH PLAIN " + plain("hart", "wrong") + b"\r\n"], 535),
    ],
)
def test_sign_ins_that_are_refused(sent: list[bytes], code: int) -> None:
    talk = encrypted()

    assert talk.codes(*sent)[-1] == code
    assert talk.codes(MAIL)[0] == 530


def test_three_wrong_keys_are_enough() -> None:
    talk = encrypted()
    wrong = b"AUTH PLAIN " + plain("hart", "wrong") + b"\r\n"

    assert talk.codes(wrong, wrong, wrong, wrong) == [535, 535, 535, 421]
    assert talk.left


# Commands


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\r\n", 500),
        (b"WHAT\r\n", 500),
        (b"NOOP\n", 500),
        (b"NO\rOP\r\n", 500),
        (b"NOOP \0\r\n", 500),
        (b"\xff\xfe\r\n", 500),
        (b"EHLO\r\n", 501),
        (b"HELO client.test\r\n", 250),
        (b"EHLO " + b"x" * 300 + b"\r\n", 501),
        (b"NOOP x\r\n", 250),
        (b"RSET x\r\n", 501),
        (b"EXPN list\r\n", 502),
        (b"HELP\r\n", 214),
        (b"RCPT TO:<a@x.test>\r\n", 503),
        (b"DATA\r\n", 503),
        (b"BDAT 5\r\nhello", 503),
        (b"BDAT five\r\n", 501),
        (b"MAIL\r\n", 501),
        (b"MAIL FROM:a@x.test\r\n", 501),
        (b"MAIL FROM:<a b@x.test>\r\n", 501),
        (b"MAIL FROM: <a@x.test>\r\n", 250),
        (b"mail from:<>\r\n", 250),
        (b"MAIL FROM:<root@localhost>\r\n", 250),
        (b"MAIL FROM:<a@x.test> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+20y\r\n", 250),
        (b"MAIL FROM:<a@x.test> AUTH=<>\r\n", 250),
        (b"MAIL FROM:<a@x.test> SIZE=1 SIZE=1\r\n", 501),
        (b"MAIL FROM:<a@x.test> SIZE=-1\r\n", 501),
        (b"MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n", 501),
        (b"MAIL FROM:<a@x.test> SIZE=%d\r\n" % (MESSAGE_LIMIT + 1), 552),
        (b"MAIL FROM:<a@x.test> SIZE=99999999999999999999\r\n", 552),
    ],
)
def test_commands_and_their_replies(sent: bytes, code: int) -> None:
    talk = signed_in()

    assert talk.codes(sent) == [code]
    assert talk.codes(b"NOOP\r\n") == [250]  # the session lives


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"RCPT TO:<anna@client.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;anna@client.test", 250),
        (b"RCPT TO:<anna@m\xc3\xbcller.test>", 250),
        (b"RCPT TO:<j\xc3\xbcrgen@client.test>", 553),
        (b"RCPT TO:<anna>", 553),
        (b"RCPT TO:<>", 553),
        (b"RCPT TO:<@a.test:b@c.test>", 553),
        (b'RCPT TO:<"a b"@c.test>', 501),
        (b"RCPT TO:<a@good.test(x)evil.test>", 553),
        (b"RCPT TO:<a@b.test> NOTIFY=SOMETIMES", 501),
        (b"RCPT TO:<a@b.test> FOO", 555),
        (b"MAIL FROM:<b@x.test>", 503),
        (b"DATA", 554),
        (b"BDAT 0 LAST", 554),
    ],
)
def test_recipients_and_their_replies(sent: bytes, code: int) -> None:
    talk = signed_in()
    talk.hear(b"MAIL FROM:<a@x.test>\r\n")

    assert talk.codes(sent + b"\r\n") == [code]


@pytest.mark.parametrize("row", [row for row in rows("address") if row.is_rejected], ids=str)
def test_no_address_slips_by_that_another_door_refuses(row: Row) -> None:
    talk = signed_in()
    talk.hear(b"MAIL FROM:<a@x.test>\r\n")

    line = b"RCPT TO:<%s>\r\n" % row.text.encode("utf-8", "surrogatepass")
    assert all(code >= 500 for code in talk.codes(line))


@pytest.mark.parametrize(
    ("expect", "codes"),
    [("500_session_lives", {500}), ("555", {555}), ("252_or_502", {252}), ("5xx", {552})],
)
def test_hostile_commands(expect: str, codes: set[int]) -> None:
    (row,) = (each for each in rows("smtp_in") if each.expect == expect)
    talk = signed_in()

    assert talk.codes(row.octets)[0] in codes
    assert talk.parcels == []


def test_a_message_has_a_hundred_recipients_and_each_once() -> None:
    talk = signed_in()
    talk.hear(b"MAIL FROM:<a@x.test>\r\n")
    everybody = [b"RCPT TO:<client%d@client.test>\r\n" % at for at in range(100)]

    assert talk.codes(*everybody, everybody[7].lower()) == [250] * 101
    assert talk.codes(b"RCPT TO:<one@too.many.test>\r\n") == [452]
    assert talk.codes(b"DATA\r\nHi\r\n.\r\n") == [354, 250]
    assert len(talk.parcels[0].recipients) == 100


def test_ehlo_and_rset_forget_what_was_begun() -> None:
    talk = signed_in()

    assert talk.codes(BEGIN, b"RSET\r\n", b"DATA\r\n") == [250, 250, 250, 503]
    assert talk.codes(BEGIN, b"EHLO again\r\n", b"DATA\r\n") == [250, 250, 250, 503]
    assert talk.codes(BEGIN, b"BDAT 5\r\nhello", b"DATA\r\n", b"RSET\r\n") == [
        *(250, 250, 250, 503, 250)
    ]


def test_errors_have_an_end_and_a_message_makes_good_for_them() -> None:
    talk = signed_in()

    assert talk.codes(b"WHAT\r\n" * 19 + MAIL + b"WHAT\r\n" * 19)[-1] == 500
    assert talk.codes(b"WHAT\r\n" * 3) == [500, 421]
    assert talk.left


def test_strangers_may_not_keep_us_busy() -> None:
    talk = encrypted()

    assert talk.codes(b"NOOP\r\n" * 1000)[-1] == 421
    assert len(talk.said.splitlines()) < 100


# Sizes


def test_a_message_over_the_limit_is_refused_and_the_session_goes_on() -> None:
    talk = signed_in()
    talk.hear(BEGIN + b"DATA\r\n")
    line = b"x" * 998 + b"\r\n"

    for _ in range(33):
        talk.hear(line * 1000)

    assert talk.codes(b".\r\n") == [552]
    assert talk.codes(MAIL) == [250, 250, 354, 250]


def test_who_does_not_end_a_message_is_sent_off() -> None:
    talk = signed_in()
    talk.hear(BEGIN + b"DATA\r\n")
    block = b"x" * (4 << 20)

    for _ in range(SWALLOWED // len(block) + 1):
        talk.hear(block)

    assert talk.left


def test_messages_at_the_same_time_have_bounds_in_all_but_small_ones_always_find_room() -> None:
    room = Room(100_000)
    large, small = (Talk(Dialogue("door.test", room)) for _ in range(2))
    for talk in (large, small):
        talk.dialogue.encrypt()
        talk.dialogue.admit()
        talk.hear(BEGIN + b"DATA\r\n")

    large.hear(b"x" * 160_000)
    crowded = Talk(Dialogue("door.test", room))
    crowded.dialogue.encrypt()
    crowded.dialogue.admit()

    assert crowded.codes(BEGIN + b"DATA\r\n" + b"x" * 90_000 + b"\r\n.\r\n")[-1] == 452
    assert small.codes(b"y" * 60_000 + b"\r\n.\r\n") == [250]
    assert large.codes(b"\r\n.\r\n") == [250]
    assert crowded.codes(BEGIN + b"DATA\r\n" + b"x" * 90_000 + b"\r\n.\r\n")[-1] == 250


@pytest.mark.parametrize("end", ["rset", "loss"])
def test_room_is_given_back_when_a_message_is_given_up(end: str) -> None:
    room = Room(100_000)
    talk = Talk(Dialogue("door.test", room))
    talk.dialogue.encrypt()
    talk.dialogue.admit()
    talk.hear(BEGIN + b"BDAT 160000\r\n" + b"x" * 160_000)

    if end == "rset":
        talk.hear(b"RSET\r\n")
    else:
        talk.dialogue.close()

    assert room.take(100_000)


def test_a_chunk_that_is_not_worth_hearing_ends_the_session() -> None:
    assert signed_in().codes(b"BDAT 200000000\r\n") == [552, 421]
    assert encrypted().codes(b"BDAT 20000\r\n") == [552, 421]
