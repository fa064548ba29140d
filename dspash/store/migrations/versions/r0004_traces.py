"""Traces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "traces",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("kind", columns.String(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("type", columns.String(), nullable=False),
        sa.Column("program_id", columns.Id(), nullable=True),
        sa.Column("program_version", columns.Integer(), nullable=True),
        sa.Column("module_id", columns.Id(), nullable=True),
        sa.Column("status", columns.String(), nullable=False),
        sa.Column("started_at", columns.Instant(), nullable=False),
        sa.Column("duration_s", columns.Number(), nullable=False),
        sa.Column("lm_calls", columns.Integer(), nullable=False),
        sa.Column("lm_tokens", columns.Integer(), nullable=False),
        sa.Column("tool_calls", columns.Integer(), nullable=False),
        sa.Column("lm_wait_s", columns.Number(), nullable=False),
        sa.Column("inputs", columns.Json(), nullable=True),
        sa.Column("outputs", columns.Json(), nullable=True),
        sa.Column("reasoning", columns.String(), nullable=True),
        sa.Column("error", columns.Json(), nullable=True),
        sa.Column("dropped", columns.Integer(), nullable=False),
        sa.Column("steps", columns.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["module_id"], ["modules.id"], name=op.f("fk_traces_module_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_traces_program_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traces")),
    )
    with op.batch_alter_table("traces", schema=None) as batch_op:
        batch_op.create_index("ix_traces_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_traces_duration_s", ["tenant_id", "duration_s", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_traces_module_id", ["tenant_id", "module_id", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_traces_name", ["tenant_id", "name", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_traces_program_id", ["tenant_id", "program_id", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_traces_status", ["tenant_id", "status", "created_at", "id"], unique=False)
