"""All tables, in one place."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Since 1970 in UTC; see `Moment`."""
    return (at - _EPOCH) // _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """A time, kept as microseconds since 1970 in UTC: no database can misread it."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without its zone cannot be kept.")
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + timedelta(microseconds=value)


# SQLite counts in 64 bits anyway, but by the name `Integer` only.
Number = BigInteger().with_variant(Integer, "sqlite")
# Sorted by its bytes, as SQLite does, whatever the language of the database.
Slug = String(64).with_variant(String(64, collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

portal = Table(
    "portal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", Slug, nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    # Which of its settings are live (0 is the platform's route), being prepared, and given out.
    Column("live_version", Integer, nullable=False, server_default="0"),
    Column("next_version", Integer),
    Column("last_version", Integer, nullable=False, server_default="0"),
    # Whether mail takes the platform's route while the portal's own connection is paused.
    Column("fallback", Boolean, nullable=False, server_default=false()),
    Column("told_at", Moment),  # when its people were last to be told that mail flows again
    # Whether mail that comes by SMTP from another address is refused, or its From replaced.
    Column("refuses_foreign_from", Boolean, nullable=False, server_default=false()),
    # Since when it takes no mail and sends none: it is on its way to another cell, or there.
    Column("moving_at", Moment),
    # The same of the cell that it came from: so a move that was cut off knows its own work.
    Column("came_at", Moment),
    # Since when it is deleted, or has moved: what it has is removed part by part.
    Column("closed_at", Moment),
    Index(
        "ix_portal_closed_at",
        "closed_at",
        sqlite_where=text("closed_at IS NOT NULL"),
        postgresql_where=text("closed_at IS NOT NULL"),
    ),
)

# Which portals there were, and who deleted them.
gone_portal = Table(
    "gone_portal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("closed_at", Moment, nullable=False),
    Column("who", String(254), nullable=False),
    Column("waiting", Integer, nullable=False),  # mails that were discarded
)

key = Table(
    "key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("portal_id", ForeignKey("portal.id")),  # none: a platform key
    Column("name", String(200), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the key
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),  # to the minute
)

person = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(254), nullable=False),
    Column("role", String(20), nullable=False),
    Column("portal_id", ForeignKey("portal.id")),  # none: every portal
    Column("created_at", Moment, nullable=False),
    # Since when whoever has the account has it; before, only an identity provider's word counts.
    Column("accepted_at", Moment),
    UniqueConstraint("email", "portal_id"),
)

# Who may sign in by a password, and be several persons: one in each portal.
account = Table(
    "account",
    metadata,
    Column("email", String(254), primary_key=True),  # in small letters
    Column("password_hash", String(200), nullable=False),  # argon2id, with its own salt
    Column("created_at", Moment, nullable=False),
)

# The second step of a sign-in by password (RFC 6238).
second_step = Table(
    "second_step",
    metadata,
    Column("email", String(254), primary_key=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("last_step", BigInteger, nullable=False),  # of the code that was used last
    Column("created_at", Moment, nullable=False),
)

# What takes the place of a code, once each.
recovery_code = Table(
    "recovery_code",
    metadata,
    Column("email", String(254), primary_key=True),
    Column("digest", String(64), primary_key=True),  # SHA-256
)

# Who is signed in. One that came from the platform, or by a pass, sees one portal in one role.
session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    Column("email", String(254), nullable=False),
    Column("portal_id", ForeignKey("portal.id")),
    Column("role", String(20)),
    Column("pass_digest", String(64)),  # of the pass that it came by: it ends with it
    # Whether an identity provider vouches for the address.
    Column("verified", Boolean, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
    Column("expires", Moment, nullable=False, index=True),
)

# Links that let somebody in: set up the first operator, choose a password, enter, consultants.
ticket = Table(
    "ticket",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the link holds
    Column("kind", String(20), nullable=False),
    Column("email", String(254), nullable=False),
    Column("portal_id", ForeignKey("portal.id"), index=True),
    Column("role", String(20)),
    Column("lasting", Integer, nullable=False),  # seconds that a session lasts that it opens
    Column("made_by", String(254), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires", Moment, nullable=False, index=True),
)

# Sign-ins that failed lately, by what was tried: an account, an address.
failed_sign_in = Table(
    "failed_sign_in",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("who", String(64), nullable=False, index=True),  # SHA-256
    Column("at", Moment, nullable=False, index=True),
)

settings = Table(
    "settings",
    metadata,
    Column("portal_id", ForeignKey("portal.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("type", String(20), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("sealed_password", LargeBinary),
    Column("password_at", Moment),  # when the password was typed
    Column("dns", JSON(none_as_null=True)),  # what DNS said when it was last asked
    Column("saved_at", Moment, nullable=False),
    Column("live_since", Moment),  # none: was never live
)

# The newest test of a version of settings.
test = Table(
    "test",
    metadata,
    Column("portal_id", ForeignKey("portal.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("message_id", String(32), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("code_digest", String(64), nullable=False),
    Column("wrong_codes", Integer, nullable=False, server_default="0"),
    Column("stages", JSON, nullable=False),
    Column("reply", JSON(none_as_null=True)),
    Column("fault", String(64)),
    Column("accepted", Boolean),  # none: no answer yet
    Column("confirmed_at", Moment),
    Column("confirmed_by", String(254)),
)

# What Amazon SES said of the identity that a version of settings sends as.
identity = Table(
    "identity",
    metadata,
    Column("portal_id", ForeignKey("portal.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("region", String(40), nullable=False),
    Column("payer", String(640), nullable=False),  # whose account: operator, a role, a key
    Column("name", String(254), nullable=False),  # a domain, or an address
    Column("tenant", String(64), nullable=False, server_default=""),
    Column("found", JSON(none_as_null=True)),  # none: SES has not answered yet
    Column("fault", String(64)),  # why it did not, when it was asked last
    Column("reply", JSON(none_as_null=True)),
    Column("looked_at", Moment),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("due", Moment, index=True),  # none: it was removed, and is not looked at by itself
    Index("ix_identity_name", "name", "region", "payer"),
)

# The domains, and single addresses, that a portal has proven to be its own.
proven_domain = Table(
    "proven_domain",
    metadata,
    Column("portal_id", ForeignKey("portal.id"), primary_key=True),
    Column("domain", String(254), primary_key=True),
    Column("proven_at", Moment, nullable=False),
)

# The codes that were sent to the postmasters of domains, and to single addresses.
domain_code = Table(
    "domain_code",
    metadata,
    Column("message_id", String(32), primary_key=True),
    Column("portal_id", ForeignKey("portal.id"), nullable=False, index=True),
    Column("domain", String(254), nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("code_digest", String(64), nullable=False),
    Column("wrong_codes", Integer, nullable=False),
    Column("used", Boolean, nullable=False, server_default=false()),
)

# How a connection stands: a portal's own (its id), or the platform's (0). No row: all is well.
connection = Table(
    "connection",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),  # of the settings that it speaks of
    Column("paused", Boolean, nullable=False),
    Column("since", Moment, nullable=False),
    Column("due", Moment, nullable=False),  # not to be tried before
    Column("resumed_at", Moment),  # for when a person last had it tried
    Column("failures", Integer, nullable=False),
    Column("fault", String(64), nullable=False),
    Column("reply", JSON(none_as_null=True)),
)

# Until when a connection is used up, by the short and the long pace that its provider allows.
allowance = Table(
    "allowance",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # of the connection
    Column("version", Integer, nullable=False),  # of the settings that it speaks of
    Column("short", Moment),
    Column("long", Moment),
    Column("due", Moment, nullable=False),  # when the next mail may go
)

# How many sessions of a connection each worker may have open; nobody else, until when.
seats = Table(
    "seats",
    metadata,
    Column("connection_id", Integer, primary_key=True, autoincrement=False),
    Column("worker", String(32), primary_key=True),
    Column("count", Integer, nullable=False),  # 0: it waits for some
    Column("until", Moment, nullable=False),
    Index("ix_seats_worker", "worker"),
)

# Until when the rate of an account of Amazon SES is given away.
turn = Table(
    "turn",
    metadata,
    Column("account", String(200), primary_key=True),
    Column("free", Moment, nullable=False),
)

# What a portal's people are still to be told.
news = Table(
    "news",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("portal_id", ForeignKey("portal.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", Moment, nullable=False),
    Column("due", Moment, nullable=False),  # not to be told before
    Column("fault", String(64)),
    Column("reply", JSON(none_as_null=True)),
    Column("change_id", Integer),  # the row of `change` that is told
    Column("also", JSON(none_as_null=True)),  # addresses that are told beside the portal's people
)

# Who changed what about a portal.
change = Table(
    "change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("portal_id", ForeignKey("portal.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("who", String(254), nullable=False),
    Column("what", String(20), nullable=False),  # the name of a `Change`
    Column("details", JSON, nullable=False),
    Index("ix_change_portal_id", "portal_id", "id"),
)

# Whom a portal does not write to any more.
suppression = Table(
    "suppression",
    metadata,
    Column("portal_id", ForeignKey("portal.id"), primary_key=True),
    Column("email", String(254), primary_key=True),  # in small letters
    Column("reason", String(20), nullable=False),
    Column("at", Moment, nullable=False),
    Column("message_id", String(32)),  # whose failure was the reason
    Column("fault", String(64)),
    Column("reply", JSON(none_as_null=True)),
)

message = Table(
    "message",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("portal_id", ForeignKey("portal.id"), nullable=False),
    Column("class", String(20), nullable=False, key="message_class"),
    Column("created_at", Moment, nullable=False),
    Column("send_at", Moment),
    Column("subject", Text, nullable=False),
    Column("from_name", Text),
    Column("reply_to", JSON, nullable=False),
    Column("metadata", JSON, nullable=False, key="labels"),
    Column("on_uncertain", String(10), nullable=False),
    Column("header_id", String(320), nullable=False),  # Message-ID, the same for every attempt
    Column("size", Integer, nullable=False),
    Column("idempotency_key", String(300)),
    Column("request_digest", String(64)),
    Column("again_of", String(32)),  # the message that this one repeats
    UniqueConstraint("portal_id", "idempotency_key"),
    Index("ix_message_portal_id_id", "portal_id", "id"),
    sqlite_with_rowid=False,  # else each row stands in two trees
)

_RARE = "status IN ('failed', 'uncertain', 'cancelled', 'suppressed', 'bounced', 'complained')"

# One row an outcome: a recipient of a message, or its copy.
recipient = Table(
    "recipient",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("portal_id", Integer, nullable=False),
    Column("lane", String(10), nullable=False),
    Column("email", String(254), nullable=False),
    Column("copy", Boolean, nullable=False),
    Column("status", String(20), nullable=False),
    Column("due", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease", String(64)),
    Column("lease_until", Moment),
    Column("dot_sent", Boolean, nullable=False, server_default=false()),
    Column("reply", JSON(none_as_null=True)),
    Column("fault", String(64)),
    Column("settled_at", Moment),
    Column("held_at", Moment),  # since when a person keeps it back, in status `held`
    Index(
        "ix_recipient_held",
        "portal_id",
        "due",
        "id",
        sqlite_where=text("status = 'held'"),
        postgresql_where=text("status = 'held'"),
    ),
    # For the log: what few mails meet is found without a look at all of them.
    Index(
        "ix_recipient_rare",
        "portal_id",
        "status",
        "message_id",
        sqlite_where=text(_RARE),
        postgresql_where=text(_RARE),
    ),
    Index(
        "ix_recipient_waiting",
        "portal_id",
        "lane",
        "due",
        "id",
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    ),
    Index(
        "ix_recipient_leased",
        "lease_until",
        sqlite_where=text("status = 'sending'"),
        postgresql_where=text("status = 'sending'"),
    ),
    Index(
        "ix_recipient_expiring",
        "expires",
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    ),
    sqlite_with_rowid=False,
)

# The message's bytes, apart: a change of state must not write them again.
body = Table(
    "body",
    metadata,
    Column("message_id", ForeignKey("message.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# How many mails of a portal met what on which day.
tally_day = Table(
    "tally_day",
    metadata,
    Column("portal_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False, index=True),  # since 1970, in UTC
    Column("accepted", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
)

# What is still to be added to that: each transaction leaves rows of its own.
tally = Table(
    "tally",
    metadata,
    Column("id", Number, primary_key=True),
    Column("portal_id", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Index("ix_tally_portal_id_day", "portal_id", "day"),
)

# What happened to a recipient, beyond its being accepted.
event = Table(
    "event",
    metadata,
    Column("id", Number, primary_key=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("recipient_id", String(32), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", Moment, nullable=False),
    Column("reply", JSON(none_as_null=True)),
    Column("fault", String(64)),
    Column("until", Moment),
)

# Who is told what happens to the mail of a portal.
webhook = Table(
    "webhook",
    metadata,
    Column("id", Number, primary_key=True),
    Column("portal_id", ForeignKey("portal.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("events", JSON, nullable=False),  # which kinds; none means all
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due", Moment, nullable=False),  # when it may be called; while it is, the lease's end
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),  # why the last call failed
)

# What a receiver is still to be told.
webhook_call = Table(
    "webhook_call",
    metadata,
    Column("id", Number, primary_key=True),
    Column("webhook_id", ForeignKey("webhook.id"), nullable=False),
    Column("portal_id", Integer, nullable=False, index=True),
    Column("message_id", String(32)),
    Column("recipient_id", String(32)),
    Column("kind", String(20), nullable=False),
    Column("at", Moment, nullable=False),
    Column("due", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reply", JSON(none_as_null=True)),
    Column("fault", String(64)),
    Column("until", Moment),
    Index("ix_webhook_call_next", "webhook_id", "attempts", "id"),
)
