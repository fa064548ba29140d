"""Initial."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("resource", columns.String(), nullable=False),
        sa.Column("record_id", columns.Id(), nullable=False),
        sa.Column("record_version", columns.Integer(), nullable=False),
        sa.Column("action", columns.String(), nullable=False),
        sa.Column("actor", columns.String(), nullable=False),
        sa.Column("request_id", columns.String(), nullable=False),
        sa.Column("changes", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_entries_record_id", ["tenant_id", "record_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_audit_entries_request_id", ["tenant_id", "request_id", "created_at", "id"], unique=False
        )

    op.create_table(
        "signatures",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("docstring", columns.String(), nullable=False),
        sa.Column("input_fields", columns.Json(), nullable=False),
        sa.Column("output_fields", columns.Json(), nullable=False),
        sa.Column("metadata", columns.Json(), nullable=False),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatures")),
    )
    with op.batch_alter_table("signatures", schema=None) as batch_op:
        batch_op.create_index(
            "ix_signatures_content_hash", ["tenant_id", "content_hash", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_signatures_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("uq_signatures_tenant_id_name", ["tenant_id", "name"], unique=True)
