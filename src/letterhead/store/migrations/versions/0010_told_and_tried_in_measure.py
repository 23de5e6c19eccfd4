"""When people were told, and when they had a connection tried: neither happens too often."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("portal", sa.Column("told_at", sa.BigInteger()))
    op.add_column("connection", sa.Column("resumed_at", sa.BigInteger()))
    with op.batch_alter_table("news") as news:
        news.add_column(sa.Column("due", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("news") as news:
        news.alter_column("due", server_default=None)


def downgrade() -> None:
    op.drop_column("news", "due")
    op.drop_column("connection", "resumed_at")
    op.drop_column("portal", "told_at")
