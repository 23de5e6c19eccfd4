"""Portals that move to another cell."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("portal", sa.Column("moving_at", sa.BigInteger()))
    op.add_column("portal", sa.Column("came_at", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("portal", "came_at")
    op.drop_column("portal", "moving_at")
