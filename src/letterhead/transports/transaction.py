"""One mail transaction: MAIL, RCPT, DATA, the message, its final dot (RFC 5321, section 3.3)."""

import re
from collections.abc import Sequence

from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.transports.base import BeforeDot
from letterhead.transports.handover import Handover
from letterhead.transports.replies import Said
from letterhead.transports.session import OK, Offers, Session, out_of_step

GO_AHEAD = 354
CLOSING = 421

_OK_LIMIT = 300  # 2xx is below
_REFUSED = 400  # and above

_ADDRESS = re.compile(r"[!-;=?-~]{1,254}")  # nothing that ends the path or the line
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


async def transact(
    session: Session, envelope: Envelope, before_dot: BeforeDot, handover: Handover
) -> Answer:
    """Hand one message over; Unreachable if the connection breaks meanwhile."""
    if problem := _unsendable(envelope, session.offers):
        return problem
    body = wire_form(envelope.content)
    refusal = await _Commands(session, handover).give(_lines(envelope, session.offers, body))
    if refusal:
        return refusal
    return await _message(session, body, before_dot, handover)


def wire_form(content: Sequence[bytes]) -> bytes:
    """
    Put the pieces together, with every dot at the start of a line doubled (section 4.5.2).

    Bare CR and LF become line ends: to some servers they are, and then a dot behind one would
    end the message (SMTP smuggling).
    """
    text = b"".join(content)
    ends = text.count(b"\r\n")
    if text.count(b"\n") != ends or text.count(b"\r") != ends:
        text = _BARE.sub(b"\r\n", text)
    if not text.endswith(b"\r\n") and text:
        text += b"\r\n"
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..")


def _unsendable(envelope: Envelope, offers: Offers) -> Reply | None:
    """Answer in the server's place where its answer is known, or where asking would harm."""
    if envelope.sender and not _ADDRESS.fullmatch(envelope.sender):
        return Reply(Stage.SENDER, 501, "5.1.7 The sender's address cannot be sent.")
    if not _ADDRESS.fullmatch(envelope.recipient):
        return Reply(Stage.RECIPIENT, 501, "5.1.3 The recipient's address cannot be sent.")
    if offers.size and envelope.size > offers.size:
        text = f"5.3.4 The server takes messages of up to {offers.size} octets."
        return Reply(Stage.SENDER, 552, text)
    return None


def _lines(envelope: Envelope, offers: Offers, body: bytes) -> list[bytes]:
    size = f" SIZE={envelope.size}" if offers.size else ""
    form = " BODY=8BITMIME" if offers.eight_bit and not body.isascii() else ""
    return [
        f"MAIL FROM:<{envelope.sender}>{size}{form}\r\n".encode("ascii"),
        f"RCPT TO:<{envelope.recipient}>\r\n".encode("ascii"),
        b"DATA\r\n",
    ]


class _Commands:
    """Gives the commands of a transaction: in one write where the server offers PIPELINING."""

    def __init__(self, session: Session, handover: Handover) -> None:
        self._session = session
        self._wire = session.wire
        self._handover = handover
        self._together = session.offers.pipelining

    async def give(self, lines: list[bytes]) -> Reply | None:
        """Say whether something was refused; if not, the server waits for the message."""
        reset = [b"RSET\r\n"] if self._session.begun else []
        if self._together:
            self._wire.say(b"".join(reset + lines), replies=len(reset + lines))
        if reset:
            await self._reset(reset[0])
        refusal = await self._each(lines)
        self._session.begun = self._session.begun and refusal is not None
        return refusal

    async def _reset(self, line: bytes) -> None:
        self._handover.reach(Stage.SENDER)
        said = await self._asked(line, self._handover.timeouts.command)
        if said.code != OK:
            raise Unreachable(Kind.CLOSED, "The server does not go on with the session.")
        self._session.begun = False

    async def _each(self, lines: list[bytes]) -> Reply | None:
        mail, rcpt, data = lines
