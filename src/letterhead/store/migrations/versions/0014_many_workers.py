"""Seats of workers, and the queue of lanes that they share on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

from letterhead.store import jobs

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "seats",
        sa.Column("connection_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "worker", name=op.f("pk_seats")),
    )
    op.create_index("ix_seats_worker", "seats", ["worker"])
    jobs.install(op.get_bind())


def downgrade() -> None:
    jobs.uninstall(op.get_bind())
    op.drop_table("seats")
