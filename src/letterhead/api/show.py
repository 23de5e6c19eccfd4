"""Values as the JSON that the API shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from letterhead.actions.settings import Overview
from letterhead.mail import faults
from letterhead.mail import identity as identities
from letterhead.mail.event import EventKind
from letterhead.mail.faults import Fault
from letterhead.mail.identity import Identity
from letterhead.mail.letter import Addressee, Lane, Receipt
from letterhead.mail.outcome import Status
from letterhead.mail.portal import Portal
from letterhead.mail.proof import Proof
from letterhead.mail.providers import RELAY, Filled, Provider
from letterhead.mail.reply import Stage
from letterhead.mail.ses import Region
from letterhead.mail.settings import SesSettings, Settings
from letterhead.mail.when import When
from letterhead.store.identities import Look
from letterhead.store.messages import Found
from letterhead.store.settings import Version

Json = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def portal(found: Portal) -> Json:
    return {
        "slug": found.slug,
        "name": found.name,
        "created_at": moment(found.created_at),
        "type": found.live.type.value,
        "refuses_foreign_from": found.refuses_foreign_from,
    }


def key(row: Any) -> Json:  # noqa: ANN401 - a row
    """A key, as far as it can be shown."""
    return {
        "id": row.id,
        "name": row.name,
        "scopes": row.scopes,
        "created_at": moment(row.created_at),
        "last_used_at": moment(row.last_used_at),
    }


def fault(code: str | None, reply: Mapping[str, Any] | None = None) -> Json | None:
    """A fault with the server's reply to it; None if there is none."""
    return faults.shown(faults.by_code(code), reply) if code else None


def known_fault(found: Fault) -> Json:
    """A fault of the catalogue, with the replies that mean it."""
    words = faults.shown(found, None)
    del words["reply"]
    return {
        **words,
        "scope": found.scope,
        "hold_s": round(found.hold.total_seconds()) or None,
        "suppresses": found.suppresses,
        "examples": [_example(each) for each in faults.told_by(found) if each.example],
    }


def _example(found: When) -> Json:
    return {
        "providers": sorted(found.providers),
        "stages": [each.value for each in Stage if each in found.stages],
        "reply": found.example,
        "confirmed": found.confirmed,
        "synthetic": found.synthetic,
    }


def settings(found: Overview) -> Json:
    """Everything about a portal's Email Settings."""
    return {
        "live": version(found.live),
        "next": _upcoming(found),
        "checklist": [
            {"step": each.step.value, "state": each.state.value, "detail": each.detail}
            for each in found.checklist
        ],
        "identity": identity(found.identity, (found.next or found.live).settings),
        "advice": list(found.advice),
        "fallback": {"enabled": found.falls_back},
        "connection": _connection(found),
    }


def version(found: Version) -> Json:
    return {
        "type": found.settings.type.value,
        "version": found.number,
        **asdict(found.settings),
        "saved_at": moment(found.saved_at),
        "live_since": moment(found.live_since),
        "dns": found.dns,
    }


def identity(look: Look | None, of: Settings) -> Json | None:
    """What Amazon SES said of the identity; None for settings of another type."""
    if look is None or not isinstance(of, SesSettings):
        return None
    found = look.found
    return {
        "name": of.identity_name,
        "state": identities.state(found).value,
        "detail": identities.detail(found, of),
        **(_found(found) if found else {}),
        "checked_at": moment(look.looked_at),
        "next_look_at": moment(look.due),
        "fault": fault(look.fault, look.reply),
    }


def _found(found: Identity) -> Json:
    return {
        "verified": found.verified,
        "status": found.status or None,
        "problem": found.problem or None,
        "dkim": found.dkim or None,
        "mail_from": found.mail_from or None,
        "mail_from_status": found.mail_from_status or None,
        "tenant": found.tenant or None,
        "adopted": found.adopted,
        "records": [asdict(each) for each in identities.records(found)],
        "quota": asdict(found.quota) if found.quota else None,
    }


def region(found: Region) -> Json:
    return {"region": found.name, "name": found.words, "smtp_server": found.smtp_server}


def provider(found: Provider) -> Json:
    """One entry of the provider drop-down."""
    return {
        "id": found.key,
        "name": found.name,
        "server": found.server,
        "servers": list(found.servers),
        "port": found.port,
        "ports": [{"port": port, "security": how} for port, how in found.ports.items()],
        "auth": list(found.auth),
        "spf_include": [f"include:{each}" for each in found.spf],
        "requires_spf": found.requires_spf,
        "from_rule": found.from_rule,
        "notice": found.notice or None,
        "notice_date": found.notice_date.isoformat() if found.notice_date else None,
        "help_url": found.help_url or None,
        "confirmed": found.confirmed,
        "limits": {
            "connections": found.limits.connections,
            "per_minute": found.limits.per_minute,
            "per_day": found.limits.per_day,
        },
    }


def filled(found: Filled | None) -> Json:
    """What the form fills in; all is left as it is where no provider was found."""
    if found is None:
        return {
            "provider": None,
            "server": None,
            "port": None,
            "allow_ssl": True,
            "notice": None,
            "relay": None,
        }
    chosen = found.provider
    relay = {"provider": RELAY, "server": found.relay} if found.relay else None
    return {
        "provider": chosen.key,
        "server": found.server,
        "port": chosen.port,
        "allow_ssl": True,
        "notice": chosen.notice or None,
        "relay": relay,
    }


def trial(found: Proof, suggestion: Json | None = None) -> Json:
    """What became of a test mail; `suggestion` is another way that may work."""
    return {
        "suggestion": suggestion,
        "accepted": found.accepted,
        "stages": list(found.stages),
        "reply": found.reply,
        "fault": fault(found.fault, found.reply),
        "to": found.recipient,
        "sent_at": moment(found.sent_at),
    }


def receipt(found: Receipt) -> Json:
    """What whoever handed a message in is told."""
    return {"id": found.id, "recipients": list(map(_addressee, found.addressees))}


def _addressee(found: Addressee) -> Json:
    status = Status.SUPPRESSED if found.suppressed else Status.QUEUED
    return {"id": found.id, "email": found.email, "status": status.value}


def message(found: Found, *, held: bool) -> Json:
    """A message of the log with its recipients; `held` says that what is queued is held."""
    row = found.message
    return {
        "id": row.id,
        "class": row.message_class,
        "subject": row.subject,
        "from_name": row.from_name,
        "reply_to": [{"email": email, "name": name} for email, name in row.reply_to],
        "message_id": row.header_id,
        "size": row.size,
        "metadata": row.labels,
        "on_uncertain": row.on_uncertain,
        "created_at": moment(row.created_at),
        "send_at": moment(row.send_at),
        "again_of": row.again_of,
        "recipients": [_recipient(each, held=held) for each in found.recipients],
    }


def held(row: Any, since: datetime | None) -> Json:  # noqa: ANN401 - a row
    """A recipient whose mail is held; `since` is when its connection was paused."""
    return {
        "message": row.message_id,
        "recipient": row.id,
        "email": row.email,
        "subject": row.subject,
        "created_at": moment(row.created_at),
        "held_since": moment(row.held_at or max(row.created_at, since or row.created_at)),
        "kept_back": row.held_at is not None,
    }


def events(found: Found, rows: Sequence[Any]) -> list[Json]:
    """The timeline of a message, from its being accepted on."""
    accepted = {
        "kind": EventKind.ACCEPTED.value,
        "at": moment(found.message.created_at),
        **dict.fromkeys(("recipient", "email", "reply", "fault", "until")),
    }
    return [accepted, *map(_event, rows)]


def _event(row: Any) -> Json:  # noqa: ANN401 - a row
    return {
        "kind": row.kind,
        "at": moment(row.at),
        "recipient": row.recipient_id,
        "email": row.email,
        "reply": row.reply,
        "fault": fault(row.fault, row.reply),
        "until": moment(row.until),
    }


def _recipient(row: Any, *, held: bool) -> Json:  # noqa: ANN401 - a row
    waits = row.status == Status.QUEUED.value
    status = Status.HELD.value if held and waits and row.lane == Lane.LIVE.value else row.status
    return {
        "id": row.id,
        "email": row.email,
        "copy": row.copy,
        "status": status,
        "attempts": row.attempts,
        "next_attempt_at": moment(row.due) if status == Status.QUEUED.value else None,
        "settled_at": moment(row.settled_at),
        "reply": row.reply,
        "fault": fault(row.fault, row.reply),
    }


def suppression(row: Any) -> Json:  # noqa: ANN401 - a row
    """An address that is not written to any more, and why."""
    return {
        "email": row.email,
        "reason": row.reason,
        "since": moment(row.at),
        "message": row.message_id,
        "fault": fault(row.fault, row.reply),
    }


def webhook(row: Any) -> Json:  # noqa: ANN401 - a row
    """Who is told what happens, without the secret: that was shown once."""
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events,
        "created_at": moment(row.created_at),
        "state": "failing" if row.failures else "active",
        "error": row.error,
        "waiting": row.waiting,
    }


def _upcoming(found: Overview) -> Json | None:
    if found.next is None:
        return None
    proof = found.proof
    return {
        **version(found.next),
        "test": trial(proof) if proof else None,
        "confirmed": proof is not None and proof.stands and proof.confirmed_at is not None,
    }


def _connection(found: Overview) -> Json:
    trouble = found.trouble
    if trouble is None:
        return {"state": "active", "since": None, "fault": None, "held": found.held}
    return {
        "state": "paused" if trouble.paused else "active",
        "since": moment(trouble.since),
        "fault": fault(trouble.fault, found.reply),
        "next_try_at": moment(trouble.due),
        "held": found.held,
    }
