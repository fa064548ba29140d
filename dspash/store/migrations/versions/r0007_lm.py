"""Calls of language models, cached answers, journals, budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("scope", columns.String(), nullable=False),
        sa.Column("subject", columns.String(), nullable=False),
        sa.Column("period", columns.String(), nullable=False),
        sa.Column("max_calls", columns.Integer(), nullable=True),
        sa.Column("max_tokens", columns.Integer(), nullable=True),
        sa.Column("max_cost", columns.Number(), nullable=True),
        sa.Column("warn_at", columns.Number(), nullable=False),
        sa.Column("spent_calls", columns.Integer(), nullable=False),
        sa.Column("spent_tokens", columns.Integer(), nullable=False),
        sa.Column("spent_nanos", columns.Integer(), nullable=False),
        sa.Column("spent_in", columns.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
    )
    with op.batch_alter_table("budgets", schema=None) as batch_op:
        batch_op.create_index("ix_budgets_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("uq_budgets_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "cache_entries",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("key", columns.String(), nullable=False),
        sa.Column("provider", columns.String(), nullable=False),
        sa.Column("model", columns.String(), nullable=False),
        sa.Column("value", columns.Json(), nullable=True),
        sa.Column("size", columns.Integer(), nullable=False),
        sa.Column("expires_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cache_entries")),
    )
    with op.batch_alter_table("cache_entries", schema=None) as batch_op:
        batch_op.create_index("ix_cache_entries_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_cache_entries_expires_at", ["tenant_id", "expires_at", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_cache_entries_key", ["tenant_id", "key", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_cache_entries_model", ["tenant_id", "model", "created_at", "id"], unique=False
        )

    op.create_table(
        "journal_entries",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("run", columns.String(), nullable=False),
        sa.Column("key", columns.String(), nullable=False),
        sa.Column("occurrence", columns.Integer(), nullable=False),
        sa.Column("provider", columns.String(), nullable=False),
        sa.Column("model", columns.String(), nullable=False),
        sa.Column("response", columns.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entries")),
    )
    with op.batch_alter_table("journal_entries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_journal_entries_created_at", ["tenant_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_journal_entries_key", ["tenant_id", "key", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_journal_entries_run", ["tenant_id", "run", "created_at", "id"], unique=False
        )

    op.create_table(
        "lm_requests",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("kind", columns.String(), nullable=False),
        sa.Column("provider", columns.String(), nullable=False),
        sa.Column("model", columns.String(), nullable=False),
        sa.Column("alias", columns.String(), nullable=False),
        sa.Column("key_id", columns.String(), nullable=False),
        sa.Column("status", columns.String(), nullable=False),
        sa.Column("source", columns.String(), nullable=True),
        sa.Column("prompt", columns.Json(), nullable=True),
        sa.Column("options", columns.Json(), nullable=False),
        sa.Column("meta", columns.Json(), nullable=False),
        sa.Column("response", columns.Json(), nullable=True),
        sa.Column("error", columns.Json(), nullable=True),
        sa.Column("input_tokens", columns.Integer(), nullable=False),
        sa.Column("output_tokens", columns.Integer(), nullable=False),
        sa.Column("cached_tokens", columns.Integer(), nullable=False),
        sa.Column("reasoning_tokens", columns.Integer(), nullable=False),
        sa.Column("tokens_used", columns.Integer(), nullable=False),
        sa.Column("cost", columns.Number(), nullable=True),
        sa.Column("cost_basis", columns.String(), nullable=False),
        sa.Column("latency_ms", columns.Number(), nullable=False),
        sa.Column("first_token_ms", columns.Number(), nullable=True),
        sa.Column("tries", columns.Integer(), nullable=False),
        sa.Column("attempts", columns.Json(), nullable=False),
        sa.Column("request_id", columns.String(), nullable=False),
        sa.Column("program", columns.String(), nullable=False),
        sa.Column("program_id", columns.Id(), nullable=True),
        sa.Column("run", columns.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lm_requests")),
    )
    with op.batch_alter_table("lm_requests", schema=None) as batch_op:
        batch_op.create_index("ix_lm_requests_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_lm_requests_program", ["tenant_id", "program", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_lm_requests_run", ["tenant_id", "run", "created_at", "id"], unique=False)
