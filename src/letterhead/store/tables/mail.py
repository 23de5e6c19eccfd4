"""Mail: messages, recipients, bodies and what happened to them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from letterhead.store.tables.columns import Moment, Number, metadata

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

# The message's bytes, apart: a change of state must not write them again. Where a segment has
# them, `content` is empty.
body = Table(
    "body",
    metadata,
    Column("message_id", ForeignKey("message.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("segment", String(32)),
    Column("start", BigInteger),
    Column("octets", Integer),
    Index(
        "ix_body_segment",
        "segment",
        "octets",
        sqlite_where=text("segment IS NOT NULL"),
        postgresql_where=text("segment IS NOT NULL"),
    ),
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
