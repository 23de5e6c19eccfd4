"""A conversation with the dialogue alone: no network, every wish is granted at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from letterhead.actions.submission import Parcel
from letterhead.submission import replies
from letterhead.submission.content import Room
from letterhead.submission.dialogue import Begin, Dialogue, Encrypt, Leave, Step
from letterhead.submission.signing_in import Credentials

KEY = "right"
TAKEN = b"250 2.0.0 Ok: queued\r\n"


@dataclass
class Talk:
    """What was said, and what came of it."""

    dialogue: Dialogue = field(default_factory=lambda: Dialogue("door.test", Room()))
    said: bytes = b""
    parcels: list[Parcel] = field(default_factory=list)
    shown: list[Credentials] = field(default_factory=list)
    encrypted: int = 0
    left: bool = False

    def hear(self, *packets: bytes) -> bytes:
        """Let packets come in; gives what is answered to them."""
        before = len(self.said)
        for packet in packets:
            if not self.left:
                self.dialogue.feed(packet)
                self._go_on()
        return self.said[before:]

    def codes(self, *packets: bytes) -> list[int]:
        """The codes of the replies, each reply once."""
        lines = self.hear(*packets).splitlines()
        return [int(line[:3]) for line in lines if line[3:4] == b" "]

    def _go_on(self) -> None:
        while not self.left and (step := self.dialogue.step()) is not None:
            self.said += self._granted(step)

    def _granted(self, step: Step) -> bytes:
        match step:
            case Encrypt():
                self.encrypted += 1
                self.dialogue.encrypt()
                return replies.READY_FOR_TLS
            case Credentials():
                return self._sign_in(step)
            case Begin():
                self.dialogue.begin(step.sender)
                return replies.SENDER_OK
            case Parcel():
                self.parcels.append(step)
                self.dialogue.accept()
                return TAKEN
            case _:
                return self._plainly(step)

    def _plainly(self, step: bytes | Leave | None) -> bytes:
        assert step is not None
        if isinstance(step, bytes):
            return step
        self.left = True
        return step.reply

    def _sign_in(self, shown: Credentials) -> bytes:
        self.shown.append(shown)
        if shown.key.reveal() == KEY:
            self.dialogue.admit()
            return replies.SIGNED_IN
        return self._plainly(self.dialogue.turn_away(replies.WRONG_KEY))


def encrypted() -> Talk:
    """Under TLS, after EHLO."""
    talk = Talk()
    talk.dialogue.encrypt()
    talk.hear(b"EHLO client.test\r\n")
    return talk


def signed_in() -> Talk:
    """Ready for mail."""
    talk = encrypted()
    talk.dialogue.admit()
    talk.said = b""
    return talk


def cut(octets: bytes, at: Iterable[int]) -> list[bytes]:
    """The same octets in packets."""
    places = [0, *sorted({place % (len(octets) + 1) for place in at}), len(octets)]
    return [octets[begin:end] for begin, end in pairwise(places)]
