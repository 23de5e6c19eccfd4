"""One mail transaction: MAIL, RCPT, DATA, the message, its final dot (RFC 5321, section 3.3)."""

import re
from collections.abc import Sequence

from letterhead import failpoints
from letterhead.errors import Unreachable
from letterhead.mail import said as sentences
from letterhead.mail.lines import with_line_ends
from letterhead.mail.reply import Answer, Kind, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.transports.base import BeforeDot, Upcoming, nothing, stale
from letterhead.transports.handover import Handover
from letterhead.transports.replies import Said
from letterhead.transports.session import OK, Offers, Session, Transaction, out_of_step
from letterhead.transports.wire import BLOCK

GO_AHEAD = 354
CLOSING = 421

OK_LIMIT = 300  # 2xx is below
REFUSED = 400  # and above

_ADDRESS = re.compile(r"[!-;=?-~]{1,254}")  # nothing that ends the path or the line
_DOT = re.compile(rb"\n\.")  # bytes.replace takes four times as long to find so few


async def transact(
    session: Session,
    envelope: Envelope,
    before_dot: BeforeDot,
    handover: Handover,
    *,
    upcoming: Upcoming = nothing,
) -> Answer:
    """
    Hand one message over; Unreachable if the connection breaks meanwhile.

    What is upcoming is begun behind the final dot, where there is one: `session.announced`.
    """
    announced, session.announced = session.announced, None
    if problem := unsendable(envelope, session.offers):
        handover.reach(problem.stage)
        return problem
    made = announced or _made(envelope, session.offers)
    refusal = await _Commands(session, handover).give(made.commands, said=bool(announced))
    return refusal or await _Message(session, made.text, handover).give(before_dot, upcoming)


def _made(envelope: Envelope, offers: Offers) -> Transaction:
    text = wire_form(envelope.content)
    return Transaction(envelope, [*envelope_lines(envelope, offers, text), b"DATA\r\n"], text)


def wire_form(content: Sequence[bytes]) -> bytes:
    """Put the pieces together, with every dot at the start of a line doubled (section 4.5.2)."""
    text = whole_lines(content)
    if text.startswith(b"."):
        text = b"." + text
    return _DOT.sub(b"\n..", text)


def whole_lines(content: Sequence[bytes]) -> bytes:
    """
    Put the pieces together, with a line end behind the last line.

    Bare CR and LF become line ends: to some servers they are, and then a dot behind one would
    end the message (SMTP smuggling).
    """
    text = with_line_ends(b"".join(content))
    if not text.endswith(b"\r\n") and text:
        text += b"\r\n"
    return text


def unsendable(envelope: Envelope, offers: Offers) -> Reply | None:
    """Answer in the server's place where its answer is known, or where asking would harm."""
    if envelope.sender and not _ADDRESS.fullmatch(envelope.sender):
        return Reply(Stage.SENDER, 501, "5.1.7 The sender's address cannot be sent.")
    if not _ADDRESS.fullmatch(envelope.recipient):
        return Reply(Stage.RECIPIENT, 501, "5.1.3 The recipient's address cannot be sent.")
    if offers.size and envelope.size > offers.size:
        text = f"5.3.4 The server takes messages of up to {offers.size} octets."
        return Reply(Stage.SENDER, 552, text)
    return None


def envelope_lines(envelope: Envelope, offers: Offers, body: bytes) -> list[bytes]:
    """MAIL and RCPT, with what the server offers (RFC 1870 and RFC 6152)."""
    size = f" SIZE={envelope.size}" if offers.size else ""
    form = " BODY=8BITMIME" if offers.eight_bit and not body.isascii() else ""
    return [
        f"MAIL FROM:<{envelope.sender}>{size}{form}\r\n".encode("ascii"),
        f"RCPT TO:<{envelope.recipient}>\r\n".encode("ascii"),
    ]


class _Commands:
    """Gives the commands of a transaction: in one write where the server offers PIPELINING."""

    def __init__(self, session: Session, handover: Handover) -> None:
        self._session = session
        self._wire = session.wire
        self._handover = handover
        self._together = session.offers.pipelining

    async def give(self, lines: Sequence[bytes], *, said: bool) -> Reply | None:
        """
        Say what was refused; None means that the server waits for the message.

        They may be `said` already, behind the final dot of the last message.
        """
        reset = [b"RSET\r\n"] if self._session.begun else []
        self._handover.reach(Stage.SENDER)
        if self._together and not said:
            self._wire.say(b"".join([*reset, *lines]), replies=len(reset) + len(lines))
        if reset:
            await self._reset(reset[0])
        refusal = await self._each(lines)
        if not refusal:
            self._session.begun = False  # the final dot ends the transaction, whatever it brings
        return refusal

    async def _reset(self, line: bytes) -> None:
        said = await self._asked(line, self._handover.timeouts.command)
        if said.code != OK:
            raise Unreachable(
                Kind.CLOSED, sentences.said("The server does not go on with the session.")
            )
        self._session.begun = False

    async def _each(self, lines: Sequence[bytes]) -> Reply | None:
        limits = self._handover.timeouts
        steps = zip(
            (Stage.SENDER, Stage.RECIPIENT, Stage.MESSAGE),
            lines,
            (limits.command, limits.command, limits.data),
            strict=True,
        )
        for at, (stage, line, seconds) in enumerate(steps):
            self._handover.reach(stage)
            said = await self._asked(line, seconds)
            if refusal := _refusal(said, stage):
                await self._read_on(refusal, len(lines) - at - 1)
                return refusal
            self._session.begun = True
            if stage is not Stage.MESSAGE:
                self._handover.passed(said)
        return None

    async def _read_on(self, refusal: Reply, replies: int) -> None:
        """Hear the answers to what was said together with the command that was refused."""
        if not self._together or refusal.code == CLOSING:
            return
        limits = self._handover.timeouts
        for _ in range(replies):
            said = await self._wire.reply(self._handover.within(limits.command))
            if said.code == GO_AHEAD:  # RFC 2920, section 3.1: an empty message ends it
                self._wire.say(b".\r\n")
                await self._wire.reply(self._handover.within(limits.dot))

    async def _asked(self, line: bytes, seconds: float) -> Said:
        if not self._together:
            self._wire.say(line)
        return await self._wire.reply(self._handover.within(seconds))


def _refusal(said: Said, stage: Stage) -> Reply | None:
    if said.code >= REFUSED:
        return said.to(stage)
    if (said.code == GO_AHEAD) is not (stage is Stage.MESSAGE) or said.code < OK:
        raise out_of_step(said)
    return None


class _Message:
    """Sends a message and its final dot; a small one leaves in one write with the dot."""

    def __init__(self, session: Session, text: bytes, handover: Handover) -> None:
        self._session = session
        self._wire = session.wire
        self._text = text
        self._handover = handover

    async def give(self, before_dot: BeforeDot, upcoming: Upcoming) -> Answer:
        rest = self._text
        if len(rest) > BLOCK:
            await self._wire.pour(rest, seconds=self._handover.timeouts.block)
            rest = b""
        if not await before_dot():
            self._wire.abort()
            return stale()
        self._wire.check()
        self._end(rest, self._announce(upcoming()))
        await failpoints.reach_behind_writes("dotted")
        said = await self._wire.reply(self._handover.within(self._handover.timeouts.dot))
        if said.code >= OK_LIMIT and said.code < REFUSED:
            raise out_of_step(said)
        return said.to(Stage.MESSAGE)

    def _announce(self, envelope: Envelope | None) -> Sequence[bytes]:
        """The commands that begin the next transaction (RFC 2920, section 3.1)."""
        if envelope is None or unsendable(envelope, self._session.offers):
            return ()
        self._session.announced = _made(envelope, self._session.offers)
        return self._session.announced.commands

    def _end(self, rest: bytes, commands: Sequence[bytes]) -> None:
        self._handover.after_dot = True
        self._wire.say(b"".join([rest, b".\r\n", *commands]), replies=1 + len(commands))
