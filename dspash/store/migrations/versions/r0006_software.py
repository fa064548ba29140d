"""Software."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dataset_id", columns.Id(), nullable=True))
        batch_op.add_column(sa.Column("split", columns.String(), nullable=True))
        batch_op.add_column(sa.Column("software", columns.Json(), server_default="{}", nullable=False))
        batch_op.create_index(
            "ix_evaluations_dataset_id", ["tenant_id", "dataset_id", "created_at", "id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_evaluations_dataset_id"), "datasets", ["dataset_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("examples", schema=None) as batch_op:
        batch_op.create_index(
            "ix_examples_dataset_id_split",
            ["tenant_id", "dataset_id", "split", "created_at", "id"],
            unique=False,
        )

    with op.batch_alter_table("optimization_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dataset_id", columns.Id(), nullable=True))
        batch_op.add_column(sa.Column("split", columns.String(), nullable=True))
        batch_op.add_column(sa.Column("software", columns.Json(), server_default="{}", nullable=False))
        batch_op.create_index(
            "ix_optimization_runs_dataset_id", ["tenant_id", "dataset_id", "created_at", "id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_optimization_runs_dataset_id"),
            "datasets",
            ["dataset_id"],
            ["id"],
            ondelete="SET NULL",
        )

    with op.batch_alter_table("program_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("software", columns.Json(), server_default="{}", nullable=False))
