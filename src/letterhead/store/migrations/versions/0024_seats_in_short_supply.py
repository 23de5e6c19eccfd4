"""Whether a worker could use more seats of a connection than it has."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Workers of the version before still write rows: they say nothing of it.
    op.add_column(
        "seats", sa.Column("short", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("seats", "short")
