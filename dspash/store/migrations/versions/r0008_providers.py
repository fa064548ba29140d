"""Providers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "model_aliases",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("provider", columns.String(), nullable=False),
        sa.Column("model", columns.String(), nullable=False),
        sa.Column("defaults", columns.Json(), nullable=False),
        sa.Column("fallbacks", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_aliases")),
    )
    with op.batch_alter_table("model_aliases", schema=None) as batch_op:
        batch_op.create_index("ix_model_aliases_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_model_aliases_provider", ["tenant_id", "provider", "created_at", "id"], unique=False
        )
        batch_op.create_index("uq_model_aliases_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "providers",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("type", columns.String(), nullable=False),
        sa.Column("config", columns.Json(), nullable=False),
        sa.Column("is_default", columns.Flag(), nullable=False),
        sa.Column("api_key", columns.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
    )
    with op.batch_alter_table("providers", schema=None) as batch_op:
        batch_op.create_index("ix_providers_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_providers_type", ["tenant_id", "type", "created_at", "id"], unique=False)
        batch_op.create_index("uq_providers_tenant_id_name", ["tenant_id", "name"], unique=True)
