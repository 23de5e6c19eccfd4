"""Which answers a row of the catalogue of faults is about, and how well one fits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from letterhead.mail.reply import Answer, Break, Reply

_EARLY_STAGES = frozenset({"resolve", "connect", "encrypt", "sign_in"})
_EARLY_KINDS = frozenset(
    {"no_address", "no_starttls", "certificate", "tls", "no_auth", "locked", "no_credentials"}
)
_UNKNOWN = frozenset({"", "other"})  # providers that tell nothing of who is speaking


class By(IntEnum):
    """What a reply was known by; a sentence says more than a number."""

    TEXT = 0
    ENHANCED = 1
    CODE = 2


class Speaker(IntEnum):
    """Whose words these are: those of the provider itself, of anybody, or of some other one."""

    PROVIDER = 0
    ANYBODY = 1
    SOMEBODY = 2  # where the provider is not known, a sentence may still give it away


Fit = tuple[By, Speaker]  # the smaller, the better


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply, ready to be looked up: the answer, its sentence, and who is speaking."""

    reply: Reply
    sentence: str
    provider: str
    anywhere: bool  # whether its stage was only guessed


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """
    One row: the answers that mean a fault; an empty condition fits everything.

    Of a reply that has the right provider, stage and code, a text or an enhanced code suffices.
    """

    providers: frozenset[str]
    stages: frozenset[str]
    kinds: frozenset[str]
    codes: tuple[str, ...]
    texts: tuple[str, ...]
    enhanced: frozenset[str]
    example: str
    synthetic: bool  # the words of the example are ours
    confirmed: bool

    def is_of(self, broken: Break) -> bool:
        return broken.kind.value in self.kinds and self._is_at(broken)

    def fit(self, heard: Heard) -> Fit | None:
        """How well a reply fits; None if it does not."""
        speaker = self._speaker(heard.provider)
        if self.kinds or speaker is None or not self._has_code(heard.reply):
            return None
        by = self._known_by(heard)
        if by is None or (speaker is Speaker.SOMEBODY and by is not By.TEXT):
            return None
        # A number means different things at different stages; a sentence seldom does.
        guessed = heard.anywhere and by is not By.CODE
        return (by, speaker) if guessed or self._is_at(heard.reply) else None

    @property
    def is_early(self) -> bool:
        """Whether these answers come before the first mail: until sign-in at the latest."""
        if self.stages:
            return self.stages <= _EARLY_STAGES
        return bool(self.kinds) and self.kinds <= _EARLY_KINDS

    def _is_at(self, answer: Answer) -> bool:
        return not self.stages or answer.stage.value in self.stages

    def _has_code(self, reply: Reply) -> bool:
        return not self.codes or str(reply.code).startswith(self.codes)

    def _speaker(self, provider: str) -> Speaker | None:
        if not self.providers:
            return Speaker.ANYBODY
        if provider in self.providers:
            return Speaker.PROVIDER
        return Speaker.SOMEBODY if provider in _UNKNOWN else None

    def _known_by(self, heard: Heard) -> By | None:
        if any(each in heard.sentence for each in self.texts):
            return By.TEXT
        if heard.reply.enhanced in self.enhanced:
            return By.ENHANCED
        return None if self.texts or self.enhanced else By.CODE


def when(entry: Mapping[str, Any], providers: Sequence[str]) -> When:
    """Read a row; where it names no provider, it is about all of its file's."""
    return When(
        providers=frozenset(entry.get("providers", providers)),
        stages=frozenset(entry.get("stages", ())),
        kinds=frozenset(entry.get("kinds", ())),
        codes=tuple(entry.get("codes", ())),
        texts=tuple(each.casefold() for each in entry.get("texts", ())),
        enhanced=frozenset(code for each in entry.get("enhanced", ()) for code in _codes(each)),
        example=entry.get("example", ""),
        synthetic=entry.get("synthetic", False),
        confirmed=entry.get("confirmed", True),
    )


def _codes(written: str) -> Iterator[str]:
    """One enhanced code, or all from the first to the last: 5.7.606-5.7.649."""
    first, _, last = written.partition("-")
    head, _, low = first.rpartition(".")
    high = last.rpartition(".")[2] or low
    yield from (f"{head}.{detail}" for detail in range(int(low), int(high) + 1))
