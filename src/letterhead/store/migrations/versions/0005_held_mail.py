"""Mail that is kept back, the fallback to the platform's route, news, and suppressions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

HELD = sa.text("status = 'held'")


def upgrade() -> None:
    op.add_column(
        "portal", sa.Column("fallback", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("recipient", sa.Column("held_at", sa.BigInteger()))
    op.create_index(
        "ix_recipient_held",
        "recipient",
        ["portal_id", "due", "id"],
        sqlite_where=HELD,
        postgresql_where=HELD,
    )
    op.create_table(
        "news",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.String(length=64)),
        sa.Column("reply", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_news_portal_id_portal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news")),
    )
    op.create_table(
        "suppression",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(length=32)),
        sa.Column("fault", sa.String(length=64)),
        sa.Column("reply", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_suppression_portal_id_portal")
        ),
        sa.PrimaryKeyConstraint("portal_id", "email", name=op.f("pk_suppression")),
    )


def downgrade() -> None:
    op.drop_table("suppression")
    op.drop_table("news")
    op.drop_index("ix_recipient_held", "recipient")
    op.drop_column("recipient", "held_at")
    op.drop_column("portal", "fallback")
