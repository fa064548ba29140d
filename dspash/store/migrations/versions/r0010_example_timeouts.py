"""Example timeouts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("example_timeout_s", columns.Number(), nullable=True))
