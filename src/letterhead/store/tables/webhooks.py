"""Webhooks: who is told, and what is still to be told."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from letterhead.store.tables.columns import Moment, Number, metadata

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
