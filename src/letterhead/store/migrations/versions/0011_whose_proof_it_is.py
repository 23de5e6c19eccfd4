"""When a password was typed, and who confirmed a test."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("settings", sa.Column("password_at", sa.BigInteger()))
    op.add_column("test", sa.Column("confirmed_by", sa.String(length=254)))


def downgrade() -> None:
    op.drop_column("test", "confirmed_by")
    op.drop_column("settings", "password_at")
