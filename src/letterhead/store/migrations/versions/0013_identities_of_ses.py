"""Identities at Amazon SES; single addresses are proven, too."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OF_DOMAINS = ("proven_domain", "domain_code")


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(length=40), nullable=False),
        sa.Column("payer", sa.String(length=640), nullable=False),
        sa.Column("name", sa.String(length=254), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="", nullable=False),
        sa.Column("found", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fault", sa.String(length=64), nullable=True),
        sa.Column("reply", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_identity_portal_id_portal")
        ),
        sa.PrimaryKeyConstraint("portal_id", "version", name=op.f("pk_identity")),
    )
    op.create_index(op.f("ix_identity_name"), "identity", ["name", "region", "payer"])
    op.create_index(op.f("ix_identity_due"), "identity", ["due"])
    _widen(253, 254)


def downgrade() -> None:
    _widen(254, 253)
    op.drop_table("identity")


def _widen(before: int, after: int) -> None:
    """Let the column of domains hold a whole address."""
    for name in _OF_DOMAINS:
        with op.batch_alter_table(name) as table:
            table.alter_column(
                "domain", existing_type=sa.String(length=before), type_=sa.String(length=after)
            )
