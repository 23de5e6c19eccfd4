"""What Amazon SES reports: bounced and complained are rare, too."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BEFORE = "'failed', 'uncertain', 'cancelled', 'suppressed'"
_AFTER = f"{_BEFORE}, 'bounced', 'complained'"


def upgrade() -> None:
    _index(_AFTER)


def downgrade() -> None:
    op.execute("UPDATE recipient SET status = 'sent' WHERE status = 'delivered'")
    op.execute("UPDATE recipient SET status = 'failed' WHERE status IN ('bounced', 'complained')")
    _index(_BEFORE)


def _index(rare: str) -> None:
    where = sa.text(f"status IN ({rare})")
    op.drop_index("ix_recipient_rare", table_name="recipient")
    op.create_index(
        "ix_recipient_rare",
        "recipient",
        ["portal_id", "status", "message_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
