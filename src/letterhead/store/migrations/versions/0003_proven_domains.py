"""The domains that portals have proven to be their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proven_domain",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_proven_domain_portal_id_portal")
        ),
        sa.PrimaryKeyConstraint("portal_id", "domain", name=op.f("pk_proven_domain")),
    )


def downgrade() -> None:
    op.drop_table("proven_domain")
