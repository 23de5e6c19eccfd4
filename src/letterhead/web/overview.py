"""What the Email Settings page shows beside its form, as values for the templates."""

from collections.abc import Mapping
from typing import Any

from letterhead.actions.settings import Overview
from letterhead.mail import faults, identity
from letterhead.mail.gate import Step
from letterhead.mail.providers import MAILBOX_OF_RELAY, PROVIDERS, RELAY, RELAY_SUFFIXES, of_domain
from letterhead.mail.sender import from_name, sender
from letterhead.mail.settings import RELAY_PORT, SesSettings, Settings, SmtpSettings, Type
from letterhead.mail.standing import next_step, standing
from letterhead.web import render
from letterhead.web.access import Asked


def shown(asked: Asked, found: Overview, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the settings stand, and the data that the form offers; `record` proves the domain."""
    proof = found.proof
    edited = found.next or found.live
    values = {
        "found": found,
        "edited": edited,
        "record": record,
        "standing": standing(
            found.checklist,
            found.trouble,
            ever_saved=found.live.number > 0 or found.next is not None,
            test_failed=proof is not None and proof.accepted is False,
        ),
        "step": next_step(found.checklist),
        "fault": faults.by_code(proof.fault) if proof and proof.fault else None,
        "trouble_fault": faults.by_code(found.trouble.fault) if found.trouble else None,
        **_at_ses(found, edited.settings),
        "issues": _has_issues(edited.dns),
        "other_way": _other_way(found),
        "live_from": _seen_by_clients(asked, found.live.settings),
        **_DATA,
        "sending_addresses": asked.office.sending_addresses,
    }
    return {**values, "for_dns": _for_dns(asked, edited.settings, values)}


def at_fault(found: Overview) -> Mapping[str, str]:
    """The fields that the failed test marks, else those of what stopped the live connection."""
    proof = found.proof
    code = proof.fault if proof and proof.accepted is False else None
    if found.next is None and found.trouble:
        code = found.trouble.fault
    if not code:
        return {}
    fault = faults.by_code(code)
    return dict.fromkeys(fault.fields, fault.title)


_DATA: Mapping[str, Any] = {
    "Step": Step,
    "Type": Type,
    "providers": PROVIDERS,
    "relay_suffixes": RELAY_SUFFIXES,
    "relay_port": RELAY_PORT,
    "relay_key": RELAY,
}


def _has_issues(dns: Mapping[str, Any] | None) -> bool:
    """Whether receivers find something to object to in the domain's records."""
    return dns is not None and any(each["state"] == "not_met" for each in dns["sender_rules"])


def _other_way(found: Overview) -> str:
    """The domain's own relay, where a test by a mailbox of Office 365 has failed."""
    edited = found.next or found.live
    failed = found.proof is not None and found.proof.accepted is False
    settings = edited.settings
    if not failed or not edited.dns or not isinstance(settings, SmtpSettings):
        return ""
    if settings.provider != MAILBOX_OF_RELAY:
        return ""
    filled = of_domain(settings.from_domain, edited.dns["mx"]["found"])
    return filled.relay if filled else ""


def _seen_by_clients(asked: Asked, settings: Settings) -> Any:  # noqa: ANN401 - a Sender
    name = from_name(settings, asked=None, portal_name=asked.portal.name)
    return sender(settings, asked.office.platform, name=name, reply_to=())


def _at_ses(found: Overview, settings: Settings) -> Mapping[str, Any]:
    """What Amazon SES said, in words, and the records that it wants."""
    look = found.identity
    if look is None or not isinstance(settings, SesSettings):
        return {}
    return {
        "identity_words": identity.detail(look.found, settings),
        "identity_fault": faults.by_code(look.fault) if look.fault else None,
        "identity_records": identity.records(look.found) if look.found else (),
    }


def _for_dns(asked: Asked, settings: Settings, values: Mapping[str, Any]) -> str:
    page = _DNS_PAGES.get(settings.type)
    if page is None:
        return ""
    known = {**values, "settings": settings, "portal": asked.portal}
    return render.text(page, asked.speech, known)


_DNS_PAGES = {
    Type.SMTP: "email-settings/for-dns.txt",
    Type.SES: "email-settings/for-dns-aws.txt",
}
