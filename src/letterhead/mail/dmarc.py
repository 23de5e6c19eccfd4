"""DMARC (RFC 7489): what a domain wants done with mail that proves nothing, and what to publish."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from letterhead.mail import tags
from letterhead.mail.said import said, spoken

PARENTS = 4  # that are looked at, where the domain itself has no record
POLICIES = ("none", "quarantine", "reject")

_MEANING = {
    "none": said("Mail that proves nothing is let through, and may be reported."),
    "quarantine": said("Mail that proves nothing goes to the junk folder."),
    "reject": said("Mail that proves nothing is refused."),
}


class State(StrEnum):
    """How a domain's policy stands."""

    PRESENT = "present"
    MISSING = "missing"
    INVALID = "invalid"
    UNKNOWN = "unknown"  # DNS did not answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is found, and what to do about it; `domain` is where the record stands."""

    state: State
    detail: str
    domain: str
    policy: str | None = None
    publish: str | None = None


def is_dmarc(text: str) -> bool:
    """Whether a TXT record is a DMARC record at all (section 6.6.3)."""
    return text.replace(" ", "").lower().startswith("v=dmarc1")


def places(domain: str) -> Sequence[str]:
    """Where a policy may stand: at the domain, or at a parent that speaks for those below it."""
    labels = domain.split(".")
    parents = [".".join(labels[at:]) for at in range(1, len(labels) - 1)]
    return [domain, *parents[-PARENTS:]]


def judge(domain: str, at: str, records: Sequence[str] | None) -> Verdict:
    """Judge the records that were found `at` a domain or its parent; None: no answer."""
    if records is None:
        return Verdict(State.UNKNOWN, said("DNS did not answer; check again."), at)
    if not records:
        detail = said(
            "There is no DMARC record. Large receivers want one from those who send much."
        )
        return Verdict(State.MISSING, detail, domain, publish="v=DMARC1; p=none")
    if len(records) > 1:
        return Verdict(State.INVALID, said("There are several DMARC records, so none counts."), at)
    try:
        return _read(domain, at, tags.read(records[0]))
    except tags.NotTags as error:
        return Verdict(State.INVALID, spoken(error), at)


def _read(domain: str, at: str, found: Mapping[str, str]) -> Verdict:
    own = found.get("p", "").lower()
    policy = own if at == domain else found.get("sp", own).lower()
    if next(iter(found), "") != "v" or found["v"] != "DMARC1":
        return Verdict(State.INVALID, said("The record must begin with v=DMARC1."), at)
    if policy not in POLICIES:
        return Verdict(
            State.INVALID,
            said(
                "The policy p={policy} is none of {policies}.",
                policy=policy,
                policies=", ".join(POLICIES),
            ),
            at,
        )
    meaning = _MEANING[policy]
    if at != domain:
        meaning = said(
            "{meaning} It stands at {at} and counts for domains below it.", meaning=meaning, at=at
        )
    return Verdict(State.PRESENT, meaning, at, policy)
