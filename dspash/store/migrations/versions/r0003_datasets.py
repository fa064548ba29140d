"""Datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("description", columns.String(), nullable=False),
        sa.Column("input_fields", columns.Json(), nullable=False),
        sa.Column("source", columns.String(), nullable=False),
        sa.Column("status", columns.String(), nullable=False),
        sa.Column("total", columns.Integer(), nullable=False),
        sa.Column("splits", columns.Json(), nullable=False),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.Column("owner", columns.Json(), nullable=False),
        sa.Column("seen_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    with op.batch_alter_table("datasets", schema=None) as batch_op:
        batch_op.create_index(
            "ix_datasets_content_hash", ["tenant_id", "content_hash", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_datasets_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_datasets_status", ["tenant_id", "status", "created_at", "id"], unique=False)
        batch_op.create_index("uq_datasets_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "examples",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("dataset_id", columns.Id(), nullable=False),
        sa.Column("position", columns.Integer(), nullable=False),
        sa.Column("inputs", columns.Json(), nullable=False),
        sa.Column("labels", columns.Json(), nullable=False),
        sa.Column("split", columns.String(), nullable=True),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_examples_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examples")),
    )
    with op.batch_alter_table("examples", schema=None) as batch_op:
        batch_op.create_index("ix_examples_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_examples_dataset_id", ["tenant_id", "dataset_id", "created_at", "id"], unique=False
        )
