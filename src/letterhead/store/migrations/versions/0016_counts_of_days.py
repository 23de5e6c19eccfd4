"""How many mails were accepted, sent and failed on each day; what is in the log is counted."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# A day has 86,400,000,000 microseconds.
_COUNT = """
    INSERT INTO tally (portal_id, day, accepted, sent, failed)
    SELECT portal_id, day, sum(accepted), sum(sent), sum(failed) FROM (
        SELECT r.portal_id, m.created_at / 86400000000 AS day, 1 AS accepted, 0 AS sent, 0 AS failed
        FROM recipient r JOIN message m ON m.id = r.message_id WHERE r.lane = 'live'
        UNION ALL
        SELECT portal_id, settled_at / 86400000000, 0,
               CASE WHEN status IN ('sent', 'captured') THEN 1 ELSE 0 END,
               CASE WHEN status = 'failed' THEN 1 ELSE 0 END
        FROM recipient
        WHERE lane = 'live' AND settled_at IS NOT NULL
              AND status IN ('sent', 'captured', 'failed')
    ) AS happened
    GROUP BY portal_id, day
"""


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally")),
    )
    op.create_index(op.f("ix_tally_portal_id_day"), "tally", ["portal_id", "day"])
    op.execute(_COUNT)


def downgrade() -> None:
    op.drop_table("tally")
