"""Roles are accepted, sign-in has a second step, and identity providers vouch for addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("accepted_at", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE person SET accepted_at = created_at"
        " WHERE lower(email) IN (SELECT email FROM account)"
    )
    op.add_column(
        "session",
        sa.Column("verified", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "second_step",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_second_step")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("email", "digest", name=op.f("pk_recovery_code")),
    )


def downgrade() -> None:
    op.drop_table("recovery_code")
    op.drop_table("second_step")
    op.drop_column("session", "verified")
    op.drop_column("person", "accepted_at")
