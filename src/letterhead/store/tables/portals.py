"""Portals: their keys, settings and proofs, and how their connections stand."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
    text,
)

from letterhead.store.tables.columns import Moment, Slug, metadata

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
    Column("count", Integer, nullable=False),
    Column("until", Moment, nullable=False),
    Column("short", Boolean, nullable=False, server_default=false()),  # it could use more
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
