"""Named runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("optimization_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", columns.String(), nullable=True))
        batch_op.add_column(sa.Column("fingerprint", columns.Json(), server_default="{}", nullable=False))
        batch_op.create_index("uq_optimization_runs_tenant_id_name", ["tenant_id", "name"], unique=True)
