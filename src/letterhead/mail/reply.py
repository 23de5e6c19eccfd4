"""What came back from the way out: a server's reply, or the break of the connection."""

import re
from dataclasses import dataclass
from enum import StrEnum

from letterhead.mail.said import Said, spoken

TEXT_LIMIT = 2000  # characters of a reply that are kept

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
_PASTED = re.compile(r"([2-5]\d\d)(?:[ -]|$)")
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Stage(StrEnum):
    """The stages of a delivery, in their order; a test mail shows them one by one."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    ENCRYPT = "encrypt"
    SIGN_IN = "sign_in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"


class Kind(StrEnum):
    """Why there is no reply."""

    NO_ADDRESS = "no_address"  # the name has no address that may be reached
    DNS_FAILED = "dns_failed"  # DNS did not answer
    REFUSED = "refused"  # nothing listens there
    TIMED_OUT = "timed_out"
    CLOSED = "closed"  # the connection broke
    PROTOCOL = "protocol"  # what came was no SMTP
    NO_STARTTLS = "no_starttls"
    CERTIFICATE = "certificate"
    TLS = "tls"  # the handshake failed for another reason
    NO_AUTH = "no_auth"  # a login is set, and the server offers no AUTH that we speak
    NO_CREDENTIALS = "no_credentials"  # ours: there is nothing to sign in to AWS with
    LOCKED = "locked"  # ours: the stored password cannot be opened
    STALE = "stale"  # ours: the lease was over before the message could go


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply (RFC 5321, section 4.2): what it said, and to which stage."""

    stage: Stage
    code: int
    text: str = ""
    captured: bool = False  # ours: the mail is kept here and does not leave

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463) at the start of the text, if there is one."""
        found = _ENHANCED.match(self.text)
        return found.group(1) if found else None

    @property
    def sentence(self) -> str:
        """The words alone: in one line, in lower case, each code said once."""
        first, *more = self.text.splitlines() or [""]
        lines = [first, *(_ENHANCED.sub("", line.lstrip(), count=1) for line in more)]
        return " ".join(" ".join(lines).split()).casefold()

    @property
    def row(self) -> dict[str, int | str | None]:
        """The reply as it is kept and shown."""
        return {"code": self.code, "enhanced": self.enhanced, "text": self.text}

    @property
    def positive(self) -> bool:
        return self.code // 100 == 2  # noqa: PLR2004 - RFC 5321, section 4.2.1


@dataclass(frozen=True, slots=True)
class Break:
    """
    No reply came: where, and why.

    After the final dot (`after_dot`) nobody knows whether the server has taken the message
    (RFC 1047).
    """

    stage: Stage
    kind: Kind
    detail: str = ""
    after_dot: bool = False


Answer = Reply | Break

_STAGES = {"421": Stage.CONNECT}
_STAGES |= dict.fromkeys(("432", "454", "534", "535", "538"), Stage.SIGN_IN)


def safe_text(raw: bytes | str) -> str:
    """Make a server's text harmless: valid UTF-8, no control characters, a limited length."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.strip())[:TEXT_LIMIT]


def sentence_of(error: Exception) -> str:
    """What an error was raised with: a sentence of ours as it is, a stranger's made safe."""
    sentence = spoken(error)
    return sentence if isinstance(sentence, Said) else safe_text(sentence)


def read_reply(text: str, stage: Stage | None = None) -> Reply | None:
    """
    Read a reply as a person pastes it: one line, or several that repeat the code.

    Where the stage is not said, codes that mostly one stage has tell it (RFC 4954, section 6, and
    RFC 5321, section 3.8).
    """
    found = _PASTED.match(text.strip())
    if found is None:
        return None
    code = found.group(1)
    lines = [re.sub(rf"^{code}[ -]", "", each.strip()) for each in text.strip().splitlines()]
    return Reply(stage or _STAGES.get(code, Stage.MESSAGE), int(code), safe_text("\n".join(lines)))
