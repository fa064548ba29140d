"""Metrics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "metrics",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("description", columns.String(), nullable=False),
        sa.Column("type", columns.String(), nullable=False),
        sa.Column("field", columns.String(), nullable=True),
        sa.Column("code", columns.String(), nullable=True),
        sa.Column("instructions", columns.String(), nullable=True),
        sa.Column("function", columns.String(), nullable=True),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metrics")),
    )
    with op.batch_alter_table("metrics", schema=None) as batch_op:
        batch_op.create_index(
            "ix_metrics_content_hash", ["tenant_id", "content_hash", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_metrics_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_metrics_type", ["tenant_id", "type", "created_at", "id"], unique=False)
        batch_op.create_index("uq_metrics_tenant_id_name", ["tenant_id", "name"], unique=True)
