"""What large receivers ask of senders, and whether a domain's records do it."""

from dataclasses import dataclass
from enum import StrEnum

from letterhead.mail import dkim, dmarc, spf
from letterhead.mail.said import said


class State(StrEnum):
    """Whether a rule is met."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of some receivers."""

    receivers: str
    of: str  # whom they ask it of
    state: State
    detail: str


_OF_ONE = {
    State.MET: said("SPF or DKIM lets the provider send."),
    State.NOT_MET: said("Neither SPF nor DKIM lets the provider send."),
    State.UNKNOWN: said("Not known: SPF, DKIM."),
}
_EVERYBODY, _MANY = said("everybody"), said("senders of 5,000 mails a day and more")


def rules(by_spf: spf.State, by_dkim: dkim.State, policy: dmarc.State) -> list[Rule]:
    """
    The rules of Gmail and Yahoo (since February 2024) and of Outlook.com (since May 2025).

    The envelope's sender is the From address, so SPF that passes is aligned (RFC 7489, 3.1.2).
    """
    passes = {
        "SPF": _of(by_spf, spf.State.PASS),
        "DKIM": _of(by_dkim, dkim.State.PRESENT),
        "DMARC": _of(policy, dmarc.State.PRESENT),
    }
    one = [passes["SPF"], passes["DKIM"]]
    either = State.MET if State.MET in one else State.UNKNOWN if State.UNKNOWN in one else one[0]
    state, detail = _all(passes)
    return [
        Rule("Gmail, Yahoo", _EVERYBODY, either, _OF_ONE[either]),
        Rule("Gmail, Yahoo, Outlook.com", _MANY, state, detail),
    ]


def _of(found: StrEnum, good: StrEnum) -> State:
    if found == good:
        return State.MET
    return State.UNKNOWN if found.value == "unknown" else State.NOT_MET


def _all(passes: dict[str, State]) -> tuple[State, str]:
    wanting = [name for name, state in passes.items() if state is State.NOT_MET]
    unknown = [name for name, state in passes.items() if state is State.UNKNOWN]
    if wanting:
        return State.NOT_MET, said("Still wanting: {wanting}.", wanting=", ".join(wanting))
    if unknown:
        return State.UNKNOWN, said("Not known: {unknown}.", unknown=", ".join(unknown))
    return State.MET, said("SPF, DKIM and DMARC are in place.")
