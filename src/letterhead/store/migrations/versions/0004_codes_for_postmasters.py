"""The codes that are sent to the postmasters of domains."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "domain_code",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        sa.Column("used", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_domain_code_portal_id_portal")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_domain_code")),
    )
    op.create_index(op.f("ix_domain_code_portal_id"), "domain_code", ["portal_id"])


def downgrade() -> None:
    op.drop_table("domain_code")
