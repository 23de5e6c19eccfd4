"""An index of what few mails meet: failed, uncertain, cancelled, suppressed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_RARE = sa.text("status IN ('failed', 'uncertain', 'cancelled', 'suppressed')")


def upgrade() -> None:
    op.create_index(
        "ix_recipient_rare",
        "recipient",
        ["portal_id", "status", "message_id"],
        sqlite_where=_RARE,
        postgresql_where=_RARE,
    )


def downgrade() -> None:
    op.drop_index("ix_recipient_rare", table_name="recipient")
