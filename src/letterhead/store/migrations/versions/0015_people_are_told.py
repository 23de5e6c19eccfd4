"""People are told what was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("news", sa.Column("change_id", sa.Integer()))
    op.add_column("news", sa.Column("also", sa.JSON()))


def downgrade() -> None:
    op.execute("DELETE FROM news WHERE kind = 'changed'")
    op.drop_column("news", "also")
    op.drop_column("news", "change_id")
