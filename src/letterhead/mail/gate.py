"""What must be done before a portal's next settings may be switched on: the checklist, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from letterhead.errors import Refused
from letterhead.mail import spf
from letterhead.mail.said import said
from letterhead.mail.settings import OwnSettings, SesSettings, Settings, SmtpSettings, gates_dns


class Step(StrEnum):
    """The steps, in their order."""

    SAVED = "saved"
    DNS = "dns"
    DOMAIN_PROVEN = "domain_proven"
    TEST_ACCEPTED = "test_accepted"
    TEST_CONFIRMED = "test_confirmed"
    SWITCHED_ON = "switched_on"


class State(StrEnum):
    """How a step stands; `blocked` ones wait for an earlier one."""

    DONE = "done"
    OPEN = "open"
    BLOCKED = "blocked"
    NOT_REQUIRED = "not_required"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist."""

    step: Step
    state: State
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a portal has come with the settings it looks at: the next ones, else the live."""

    settings: Settings | None
    live: bool = False
    # As it was when last looked at: of the SPF record, or of the identity at Amazon SES.
    dns: spf.State | None = None  # None: nobody has looked
    dns_detail: str = ""  # what was found then, and what to publish
    owns_domain: bool = False
    domain_proven: bool = False  # it is the portal's, and a relay is the domain's
    test_accepted: bool = False
    test_confirmed: bool = False


_WORDS = {
    Step.SAVED: (said("The settings are saved."), said("Save the settings.")),
    Step.DNS: (
        said("The SPF record lets the provider send."),
        said("Check DNS: the SPF record of the From domain must let the provider send."),
    ),
    Step.DOMAIN_PROVEN: (
        said("The domain of the From address is proven."),
        said(
            "Prove that the From domain is yours, by a TXT record or a code to its postmaster: "
            "without a login the relay trusts our address."
        ),
    ),
    Step.TEST_ACCEPTED: (said("The server accepted a test mail."), said("Send a test mail.")),
    Step.TEST_CONFIRMED: (
        said("The test mail arrived."),
        said("Enter the six-digit code of the test mail."),
    ),
    Step.SWITCHED_ON: (
        said("Mail leaves through these settings."),
        said("Switch the settings on."),
    ),
}
_PROVEN_FOR_SES = (
    said("The From domain, or the address, is proven."),
    said("Prove that the From domain is yours: other portals use the same AWS account."),
)


def checklist(progress: Progress) -> list[Check]:
    """The whole gate, step by step: the first step that is not done is open, later ones wait."""
    found: list[Check] = []
    state = State.OPEN
    for step in Step:
        if not _required(step, progress):
            found.append(Check(step, State.NOT_REQUIRED, said("Not needed for these settings.")))
        elif _done(step, progress):
            found.append(Check(step, State.DONE, _words(step, progress)[0]))
        else:
            found.append(Check(step, state, _words(step, progress)[1]))
            state = State.BLOCKED
    return found


def demand(progress: Progress, *, before: Step) -> None:
    """Refuse what comes at `before` as long as an earlier step is open."""
    for check in _up_to(checklist(progress), before):
        if check.state in {State.OPEN, State.BLOCKED}:
            raise Refused(check.step.value, check.detail, _reason(check.step, progress))


def _reason(step: Step, progress: Progress) -> str:
    if step is not Step.DNS:
        return ""
    return "unknown" if progress.dns in {None, spf.State.UNKNOWN} else "missing"


def _words(step: Step, progress: Progress) -> tuple[str, str]:
    """What is said of a step that is done, and of one that is not, as exactly as it is known."""
    settings = progress.settings
    if step is Step.DNS and progress.dns_detail:
        return progress.dns_detail, progress.dns_detail
    if step is Step.DOMAIN_PROVEN and isinstance(settings, SesSettings):
        return _PROVEN_FOR_SES
    if step is Step.DOMAIN_PROVEN and progress.owns_domain and isinstance(settings, SmtpSettings):
        return _WORDS[step][0], _not_its_relay(settings)
    return _WORDS[step]


def _not_its_relay(settings: SmtpSettings) -> str:
    return said(
        "{server} is not the relay of {domain}: enter the host of its MX, or {own}.",
        server=settings.server,
        domain=settings.from_domain,
        own=settings.own_relay,
    )


def _up_to(checks: Sequence[Check], step: Step) -> list[Check]:
    return [each for each in checks if list(Step).index(each.step) < list(Step).index(step)]


def _required(step: Step, progress: Progress) -> bool:
    settings = progress.settings
    match step:
        case Step.SAVED | Step.SWITCHED_ON:
            return True
        case Step.TEST_ACCEPTED | Step.TEST_CONFIRMED:
            return isinstance(settings, OwnSettings)
        case Step.DOMAIN_PROVEN:
            return isinstance(settings, OwnSettings) and settings.needs_proof
        case Step.DNS:
            return gates_dns(settings)


def _done(step: Step, progress: Progress) -> bool:
    return {
        Step.SAVED: progress.settings is not None,
        Step.DNS: progress.dns is spf.State.PASS,
        Step.DOMAIN_PROVEN: progress.domain_proven,
        Step.TEST_ACCEPTED: progress.test_accepted,
        Step.TEST_CONFIRMED: progress.test_confirmed,
        Step.SWITCHED_ON: progress.live,
    }[step]
