"""When a key was last used, and whether a portal refuses mail from other addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("key", sa.Column("last_used_at", sa.BigInteger()))
    op.add_column(
        "portal",
        sa.Column("refuses_foreign_from", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("portal", "refuses_foreign_from")
    op.drop_column("key", "last_used_at")
