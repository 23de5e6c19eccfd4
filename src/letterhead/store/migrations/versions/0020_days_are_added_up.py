"""Counts of days are added up beside those that are still coming in."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BACK = """
    INSERT INTO tally (portal_id, day, accepted, sent, failed)
    SELECT portal_id, day, accepted, sent, failed FROM tally_day
"""


def upgrade() -> None:
    op.create_table(
        "tally_day",
        sa.Column("portal_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("portal_id", "day", name=op.f("pk_tally_day")),
    )
    op.create_index(op.f("ix_tally_day_day"), "tally_day", ["day"])


def downgrade() -> None:
    op.execute(_BACK)
    op.drop_table("tally_day")
