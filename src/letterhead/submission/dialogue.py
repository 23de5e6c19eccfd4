"""
One session as a conversation: octets come in, and each step says what is to be done next.

It neither reads nor writes nor waits, and what comes of some octets does not depend on how they
were cut into packets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from letterhead.actions.submission import Parcel
from letterhead.mail.message import MESSAGE_LIMIT
from letterhead.submission import commands, replies
from letterhead.submission.commands import Chunk, Refused
from letterhead.submission.content import SWALLOWED, Content, Dotted, Room
from letterhead.submission.lines import LINE_LIMIT, Lines
from letterhead.submission.signing_in import Credentials, SignIn
from letterhead.submission.transaction import Transaction

_HELLO_LIMIT = 255
_ERRORS = 20  # replies of 5xx since the last message, before we hang up
_OF_CONTENT = (b"552", b"553", b"554")  # no fault of whoever speaks: of an address, a message
_FAILED_SIGN_INS = 3  # of one session
_STRANGER_COMMANDS = 50  # before somebody has signed in

_EXTENSIONS = (
    "PIPELINING",
    f"SIZE {MESSAGE_LIMIT}",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
)


@dataclass(frozen=True, slots=True)
class Encrypt:
    """Say that TLS may begin, and begin; what came in clear and is unread is forgotten."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A message begins: look whether the key is still good, and this sender allowed."""

    sender: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The session ends with this reply."""

    reply: bytes


Wish = Encrypt | Credentials | Begin | Parcel | Leave  # what others must do before it goes on
Step = bytes | Wish | None  # a reply, a wish, or more octets are needed


class Dialogue:
    """The state of one session; after a wish, nothing is taken until it was answered."""

    def __init__(self, name: str, room: Room) -> None:
        self._name = name
        self._room = room
        self._lines = Lines()
        self._take: Callable[[], Step] = self._command
        self._verbs = self._known_verbs()
        self._transaction: Transaction | None = None
        self._encrypted = self._greeted = False
        self._errors = self._failures = self._strange = 0
        self.signed_in = False

    @property
    def in_message(self) -> bool:
        """Whether a message is on its way in: it gets its answer before we hang up."""
        return self._transaction is not None and self._transaction.in_message

    @property
    def unread(self) -> int:
        """Octets that wait for their turn."""
        return len(self._lines.rest)

    def feed(self, octets: bytes) -> None:
        self._lines.feed(octets)

    def step(self) -> Step:
        """Take the next whole thing that has come."""
        said = self._take()
        if isinstance(said, bytes) and said[:1] == b"5" and said[:3] not in _OF_CONTENT:
            self._errors += 1
            if self._errors >= _ERRORS:
                return Leave(said + replies.TOO_MANY_ERRORS)
        return said

    # What became of a wish

    def encrypt(self) -> None:
        """Go on under TLS: what was said before is forgotten (RFC 3207, section 4.2)."""
        self._lines.clear()
        self._encrypted, self._greeted = True, False

    def admit(self) -> None:
        self.signed_in = True

    def turn_away(self, reply: bytes) -> bytes | Leave:
        """Nobody was let in; who fails again and again is sent off."""
        self._failures += 1
        if self._failures >= _FAILED_SIGN_INS:
            return Leave(reply + replies.TOO_MANY_ERRORS)
        return reply

    def begin(self, sender: str) -> None:
        self._transaction = Transaction(sender, self._room)

    def lose_key(self) -> None:
        """The key was revoked meanwhile."""
        self.signed_in = False

    def accept(self) -> None:
        """A message is on disk."""
        self._errors = 0

    def close(self) -> None:
        """The connection is lost."""
        self._forget()

    # Commands

    def _command(self) -> Step:
        line = self._lines.next()
        if line is None or isinstance(line, bytes):
            return line
        if not self.signed_in:
            self._strange += 1
            if self._strange > _STRANGER_COMMANDS:
                return Leave(replies.TOO_MANY_ERRORS)
        verb, _, arguments = line.partition(" ")
        act = self._verbs.get(verb.upper())
        try:
            return act(arguments.strip(" ")) if act else replies.UNKNOWN
        except Refused as refused:
            return refused.reply

    def _known_verbs(self) -> Mapping[str, Callable[[str], Step]]:
        return {
            "EHLO": self._hello,
            "HELO": self._old_hello,
            "STARTTLS": self._start_tls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "BDAT": self._bdat,
            "RSET": self._reset,
            "QUIT": lambda _: Leave(replies.BYE),
            "NOOP": lambda _: replies.OK,
            "VRFY": lambda _: replies.CANNOT_VERIFY,
            "EXPN": lambda _: replies.NOT_OFFERED,
            "HELP": lambda _: replies.HELP,
        }

    def _hello(self, arguments: str) -> Step:
        self._old_hello(arguments)
        self._greeted = True
        more = [] if self._encrypted else ["STARTTLS"]
        if self._encrypted and not self.signed_in:
            more = ["AUTH PLAIN LOGIN"]
        *lines, last = [self._name, *_EXTENSIONS, *more]
        said = [*(replies.reply(f"250-{each}") for each in lines), replies.reply(f"250 {last}")]
        return b"".join(said)

    def _old_hello(self, arguments: str) -> Step:
        if not 0 < len(arguments) <= _HELLO_LIMIT:
            raise Refused(replies.BAD_ARGUMENTS)
        self._forget()
        return replies.reply(f"250 {self._name}")

    def _start_tls(self, arguments: str) -> Step:
        _demand_none(arguments)
        if self._encrypted or not self._greeted:
            raise Refused(replies.OUT_OF_ORDER)
        return Encrypt()

    def _reset(self, arguments: str) -> Step:
        _demand_none(arguments)
        self._forget()
        return replies.OK

    # Signing in

    def _auth(self, arguments: str) -> Step:
        if not self._encrypted:
            raise Refused(replies.NOT_ENCRYPTED)
        if self.signed_in or not self._greeted:
            raise Refused(replies.OUT_OF_ORDER)
        exchange = SignIn()
        return self._asked(exchange, exchange.begin(arguments))

    def _asked(self, exchange: SignIn, answered: bytes | Credentials) -> Step:
        if isinstance(answered, bytes):
            self._take = lambda: self._answer(exchange)
        return answered

    def _answer(self, exchange: SignIn) -> Step:
        line = self._lines.next()
        if line is None:
            return None
        self._take = self._command
        if isinstance(line, bytes):
            return line
        try:
            return self._asked(exchange, exchange.answer(line))
        except Refused as refused:
            return refused.reply

    # Mail

    def _mail(self, arguments: str) -> Step:
        self._demand_sign_in()
        if self._transaction is not None:
            raise Refused(replies.OUT_OF_ORDER)
        return Begin(commands.sender(arguments))

    def _rcpt(self, arguments: str) -> Step:
        self._begun().add(commands.recipient(arguments))
        return replies.RECIPIENT_OK

    def _data(self, arguments: str) -> Step:
        transaction = self._begun()
        _demand_none(arguments)
        dotted = transaction.dotted()
        self._take = lambda: self._dotted(dotted)
        return replies.GO_AHEAD

    def _dotted(self, dotted: Dotted) -> Step:
        if dotted.take(self._lines.rest):
            return self._finish(dotted)
        return self._swallowing(dotted.size)

    def _bdat(self, arguments: str) -> Step:
        chunk = commands.chunk(arguments)
        if chunk.size > (SWALLOWED if self.signed_in else LINE_LIMIT):
            # It is not worth the while to hear it to its end.
            return Leave(replies.TOO_LARGE + replies.TOO_MANY_ERRORS)
        try:
            content = self._begun().chunked()
        except Refused as refused:
            # The chunk comes all the same, and is no command (RFC 3030, section 2).
            reply = refused.reply
            self._take = lambda: self._skip(chunk.size, reply)
        else:
            self._take = lambda: self._chunk(chunk, chunk.size, content)
        return self._take()

    def _skip(self, left: int, reply: bytes) -> Step:
        left -= len(self._taken(left))
        if left:
            self._take = lambda: self._skip(left, reply)
            return None
        self._take = self._command
        return reply

    def _chunk(self, chunk: Chunk, left: int, content: Content) -> Step:
        octets = self._taken(left)
        content.add(octets)
        left -= len(octets)
        if left:
            self._take = lambda: self._chunk(chunk, left, content)
            return self._swallowing(content.size)
        if chunk.last:
            return self._finish(content)
        self._take = self._command
        return self._swallowing(content.size) or replies.reply(f"250 2.0.0 {chunk.size} octets")

    def _taken(self, count: int) -> bytes:
        rest = self._lines.rest
        octets = bytes(rest[:count])
        del rest[:count]
        return octets

    def _swallowing(self, size: int) -> Leave | None:
        return Leave(replies.TOO_LARGE + replies.TOO_MANY_ERRORS) if size > SWALLOWED else None

    def _finish(self, content: Content | Dotted) -> Step:
        """The message is here: hand it in, unless it could not be kept."""
        self._take = self._command
        try:
            return self._begun().finish(content)
        finally:
            self._forget()

    def _begun(self) -> Transaction:
        self._demand_sign_in()
        if self._transaction is None:
            raise Refused(replies.OUT_OF_ORDER)
        return self._transaction

    def _demand_sign_in(self) -> None:
        if not self._encrypted:
            raise Refused(replies.NEEDS_TLS)
        if not self.signed_in:
            raise Refused(replies.NEEDS_SIGN_IN)

    def _forget(self) -> None:
        """End the transaction, if there is one."""
        if self._transaction:
            self._transaction.forget()
        self._transaction = None


def _demand_none(arguments: str) -> None:
    if arguments:
        raise Refused(replies.BAD_ARGUMENTS)
