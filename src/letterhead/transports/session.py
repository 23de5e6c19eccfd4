"""An SMTP session from the greeting to the point where it takes messages."""

import asyncio
import base64
import math
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from letterhead import failpoints
from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail import said as sentences
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Envelope, Server
from letterhead.transports.handover import Handover
from letterhead.transports.replies import Said
from letterhead.transports.tls import agreed
from letterhead.transports.wire import Wire

OK = 250
_GREETING = 220
_SIGNED_IN = 235
_CHALLENGE = 334
_REFUSED = 400  # and above
_FEW = 4  # logins at once: fewer than any provider takes for an attack
_PROOF = 10.0  # seconds for which a login that went well says that others will

_KEYWORD = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ =]?(.*)")  # AUTH=LOGIN was a common mistake


class Declined(Exception):
    """The attempt has its answer before its end; never leaves `transports`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer

    @property
    def words(self) -> str:
        """What was said, or why nothing was."""
        return self.answer.text if isinstance(self.answer, Reply) else self.answer.detail


@dataclass(frozen=True, slots=True)
class Offers:
    """What the server can do beyond the basics (RFC 5321, section 4.1.1.1)."""

    size: int = 0  # octets of a message, at most; 0 is no limit (RFC 1870)
    eight_bit: bool = False
    pipelining: bool = False
    chunking: bool = False
    starttls: bool = False
    sign_in: frozenset[str] = frozenset()

    @property
    def several(self) -> bool:
        """Whether several messages may be under way at once (RFC 2920 and RFC 3030)."""
        return self.pipelining and self.chunking

    @classmethod
    def read(cls, said: Said) -> "Offers":
        found: dict[str, str] = {}
        for line in said.lines[1:]:
            if match := _KEYWORD.fullmatch(line.decode("ascii", "replace").strip()):
                keyword, values = match.group(1).upper(), match.group(2).upper()
                found[keyword] = f"{found.get(keyword, '')} {values}".strip()
        return cls._of(found)

    @classmethod
    def _of(cls, found: Mapping[str, str]) -> "Offers":
        size = found.get("SIZE", "")
        return cls(
            size=int(size) if re.fullmatch(r"[0-9]{1,20}", size) else 0,
            eight_bit="8BITMIME" in found,
            pipelining="PIPELINING" in found,
            chunking="CHUNKING" in found,
            starttls="STARTTLS" in found,
            sign_in=frozenset(found.get("AUTH", "").split()),
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """A message as it goes over the wire: the commands before it, and its text."""

    envelope: Envelope
    commands: Sequence[bytes]
    text: bytes


class Session:
    """A session that is ready for messages."""

    __slots__ = ("announced", "begun", "idle_since", "messages", "offers", "wire")

    def __init__(self, wire: Wire, offers: Offers) -> None:
        self.wire = wire
        self.offers = offers
        self.messages = 0
        self.announced: Transaction | None = None  # begun behind the last final dot
        self.begun = False  # whether a transaction is open that must be reset before the next
        self.idle_since = 0.0


class Logins:
    """
    One login at a time with one server; a few, as long as they go well.

    When one fails, all who wait meanwhile have the same answer: many wrong logins at once would
    lock the account.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._few = asyncio.Semaphore(_FEW)
        self._proven = -math.inf  # when one went well, by the loop's clock
        self.failures = 0
        self._failure: Exception | None = None

    async def one(self, sign_in: Callable[[], Awaitable[str]], seen: int) -> str:
        """Sign in, unless more than the `seen` logins have failed meanwhile."""
        async with self._turn:
            if not self._went_well:
                return await self._try(sign_in, seen)
        async with self._few:
            return await self._try(sign_in, seen)

    @property
    def _went_well(self) -> bool:
        return asyncio.get_running_loop().time() < self._proven + _PROOF

    async def _try(self, sign_in: Callable[[], Awaitable[str]], seen: int) -> str:
        if self._failure and self.failures > seen:
            raise self._failure
        try:
            way = await sign_in()
        except (Declined, Unreachable) as error:
            self.failures, self._failure, self._proven = self.failures + 1, error, -math.inf
            raise
        self._proven = asyncio.get_running_loop().time()
        return way


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens sessions with one server."""

    server: Server
    egress: Egress
    tls: ssl.SSLContext
    ehlo: str
    logins: Logins = field(default_factory=Logins)

    async def open(self, handover: Handover) -> Session:
        """Resolve, connect, encrypt and sign in; Unreachable or Declined if that cannot be."""
        wire = await self._connected(handover)
        try:
            session = await _Dialogue(self, wire, handover).until_ready()
        except BaseException:
            wire.abort()
            raise
        failpoints.reach("opened")
        return session

    async def _connected(self, handover: Handover) -> Wire:
        server, limits = self.server, handover.timeouts
        handover.reach(Stage.RESOLVE)
        addresses = await self.egress.resolve(
            server.host,
            port=server.port,
            trusted=server.trusted,
            seconds=handover.within(limits.resolve),
        )
        handover.passed(", ".join(map(str, addresses)))
        handover.reach(Stage.CONNECT)
        seconds = handover.within(limits.connect)
        connection = await self.egress.connect(addresses, server.port, seconds=seconds)
        if server.encryption is not Encryption.TLS:
            return await Wire.over(connection)
        handover.passed(sentences.said("port {port}", port=server.port))
        handover.reach(Stage.ENCRYPT)
        seconds = handover.within(limits.tls)
        return await Wire.over_tls(connection, self.tls, server.host, seconds=seconds)


class _Dialogue:
    """What is said until a session is ready: greeting, EHLO, STARTTLS, AUTH."""

    def __init__(self, opening: Opening, wire: Wire, handover: Handover) -> None:
        self._server = opening.server
        self._tls = opening.tls
        self._logins = opening.logins
        self._ehlo = opening.ehlo.encode("ascii")
        self._wire = wire
        self._handover = handover
        self._offers = Offers()

    async def until_ready(self) -> Session:
        handover = self._handover
        self._expect(_GREETING, await self._heard(handover.timeouts.greeting))
        await self._hello()
        if self._server.encryption is Encryption.STARTTLS:
            await self._start_tls()
        self._tell_encryption()
        handover.reach(Stage.SIGN_IN)
        handover.passed(
            await self._signed_in() if self._server.login else sentences.said("not needed")
        )
        return Session(self._wire, self._offers)

    async def _hello(self) -> None:
        said = await self._ask(b"EHLO " + self._ehlo)
        plain = self._server.encryption is Encryption.NONE and not self._server.login
        if plain and said.code in {500, 502, 504}:  # RFC 5321, section 3.2
            said = await self._ask(b"HELO " + self._ehlo)
        self._expect(OK, said)
        self._offers = Offers.read(said)

    async def _start_tls(self) -> None:
        handover = self._handover
        handover.passed(sentences.said("port {port}", port=self._server.port))
        handover.reach(Stage.ENCRYPT)
        if not self._offers.starttls:
            raise self._break(
                Kind.NO_STARTTLS, sentences.said("The server does not offer STARTTLS.")
            )
        self._expect(_GREETING, await self._ask(b"STARTTLS"))
        seconds = handover.within(handover.timeouts.tls)
        await self._wire.start_tls(self._tls, self._server.host, seconds=seconds)
        await self._hello()  # what was offered before may be forged (RFC 3207, section 4.2)

    def _tell_encryption(self) -> None:
        handover = self._handover
        if self._wire.tls:
            handover.passed(agreed(self._wire.tls, self._server.host))
            return
        handover.passed(sentences.said("port {port}", port=self._server.port))
        handover.reach(Stage.ENCRYPT)
        handover.passed(sentences.said("not encrypted"))

    async def _signed_in(self) -> str:
        return await self._logins.one(self._sign_in, self._handover.failed_logins)

    async def _sign_in(self) -> str:
        """Sign in by the one way that is best; a second try would count as another failure."""
        if not self._wire.tls:
            raise self._break(Kind.NO_AUTH, sentences.said("A login is never sent unencrypted."))
        ways, lacking = _BY_TOKEN if self._server.token else _BY_PASSWORD
        way = next((each for each in ways if each in self._offers.sign_in), None)
        if not way:
            raise self._break(Kind.NO_AUTH, lacking)
        said = await self._answered(ways[way](self._server))
        if said.code == _CHALLENGE:
            raise await self._too_many_questions()
        self._expect(_SIGNED_IN, said)
        return f"AUTH {way}"

    async def _answered(self, lines: list[bytes]) -> Said:
        """Say the lines one by one, as long as the server asks for more."""
        said = await self._ask(lines[0])
        for line in lines[1:]:
            if said.code != _CHALLENGE:
                break
            said = await self._ask(line)
        return said

    async def _too_many_questions(self) -> Declined:
        """Cancel the sign-in (RFC 4954, section 4)."""
        said = await self._ask(b"*")
        if said.code >= _REFUSED:
            return Declined(said.to(Stage.SIGN_IN))
        return self._break(
            Kind.PROTOCOL, sentences.said("The server did not stop asking for more.")
        )

    async def _ask(self, line: bytes) -> Said:
        self._wire.say(line + b"\r\n")
        return await self._heard(self._handover.timeouts.command)

    async def _heard(self, seconds: float) -> Said:
        return await self._wire.reply(self._handover.within(seconds))

    def _expect(self, code: int, said: Said) -> None:
        if said.code >= _REFUSED:
            raise Declined(said.to(self._handover.stage))
        if said.code != code:
            raise out_of_step(said)

    def _break(self, kind: Kind, detail: str) -> Declined:
        return Declined(Break(self._handover.stage, kind, detail))


def out_of_step(said: Said) -> Unreachable:
    """The reply is none that the command can have: the server answers something else."""
    return Unreachable(
        Kind.PROTOCOL, f"The server broke the rules of SMTP: {said.code} is no answer to that."
    )


def _plain(server: Server) -> list[bytes]:
    return [b"AUTH PLAIN " + _coded(f"\0{server.login}\0{_revealed(server.password)}")]  # RFC 4616


def _login(server: Server) -> list[bytes]:
    return [b"AUTH LOGIN", _coded(server.login), _coded(_revealed(server.password))]


def _bearer(server: Server) -> list[bytes]:
    """Sign in by RFC 7628; a refusal says why, is answered with ^A, and then is one."""
    login = server.login.replace("=", "=3D").replace(",", "=2C")  # RFC 5801, section 4
    where = f"host={server.host}\x01port={server.port}"
    text = f"n,a={login},\x01{where}\x01auth=Bearer {_revealed(server.token)}\x01\x01"
    return [b"AUTH OAUTHBEARER " + _coded(text), _coded("\x01")]


def _xoauth2(server: Server) -> list[bytes]:
    """Sign in as Google and Microsoft did before RFC 7628; a refusal is answered with nothing."""
    text = f"user={server.login}\x01auth=Bearer {_revealed(server.token)}\x01\x01"
    return [b"AUTH XOAUTH2 " + _coded(text), b""]


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""


def _coded(text: str) -> bytes:
    return base64.b64encode(text.encode("utf-8"))


# Ways to sign in, of which the first that is offered is taken, and what to say if none is.
_BY_PASSWORD = (
    {"PLAIN": _plain, "LOGIN": _login},
    sentences.said("The server offers no sign-in by login and password."),
)
_BY_TOKEN = (
    {"OAUTHBEARER": _bearer, "XOAUTH2": _xoauth2},
    sentences.said("The server offers no sign-in by an access token."),
)
