"""People: who they are, how they sign in, and who is signed in."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    false,
)

from letterhead.store.tables.columns import Moment, metadata

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
