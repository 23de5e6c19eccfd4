"""Large bodies beside SQLite: rows say where they are. On PostgreSQL these columns stay empty."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_THERE = sa.text("segment IS NOT NULL")


def upgrade() -> None:
    op.add_column("body", sa.Column("segment", sa.String(32)))
    op.add_column("body", sa.Column("start", sa.BigInteger()))
    op.add_column("body", sa.Column("octets", sa.Integer()))
    op.create_index(
        "ix_body_segment",
        "body",
        ["segment", "octets"],
        sqlite_where=_THERE,
        postgresql_where=_THERE,
    )


def downgrade() -> None:
    where = (
        sa.select(sa.literal(1)).select_from(sa.table("body", sa.column("segment"))).where(_THERE)
    )
    if op.get_bind().execute(where.limit(1)).first():
        raise RuntimeError("Large bodies are in files that the version before cannot read.")
    op.drop_index("ix_body_segment", "body")
    for name in ("octets", "start", "segment"):
        op.drop_column("body", name)
