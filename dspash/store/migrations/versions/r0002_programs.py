"""Programs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "optimizers",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("type", columns.String(), nullable=False),
        sa.Column("config", columns.Json(), nullable=False),
        sa.Column("state", columns.Json(), nullable=False),
        sa.Column("metrics", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_optimizers")),
    )
    with op.batch_alter_table("optimizers", schema=None) as batch_op:
        batch_op.create_index("ix_optimizers_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_optimizers_type", ["tenant_id", "type", "created_at", "id"], unique=False)
        batch_op.create_index("uq_optimizers_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "program_versions",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("program_id", columns.Id(), nullable=False),
        sa.Column("number", columns.Integer(), nullable=False),
        sa.Column("content", columns.Json(), nullable=False),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.Column("origin", columns.String(), nullable=False),
        sa.Column("parent", columns.Integer(), nullable=True),
        sa.Column("run_id", columns.Id(), nullable=True),
        sa.Column("score", columns.Number(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program_versions")),
    )
    with op.batch_alter_table("program_versions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_program_versions_content_hash",
            ["tenant_id", "content_hash", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_program_versions_created_at", ["tenant_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_program_versions_program_id", ["tenant_id", "program_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_program_versions_run_id", ["tenant_id", "run_id", "created_at", "id"], unique=False
        )
        batch_op.create_index("uq_program_versions_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "programs",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("description", columns.String(), nullable=False),
        sa.Column("status", columns.String(), nullable=False),
        sa.Column("form", columns.String(), nullable=False),
        sa.Column("source", columns.String(), nullable=True),
        sa.Column("forward_fn", columns.String(), nullable=True),
        sa.Column("class_path", columns.String(), nullable=True),
        sa.Column("modules", columns.Json(), nullable=False),
        sa.Column("config", columns.Json(), nullable=False),
        sa.Column("tools", columns.Json(), nullable=False),
        sa.Column("sandbox", columns.Json(), nullable=False),
        sa.Column("compiled_state", columns.Json(), nullable=True),
        sa.Column("metrics", columns.Json(), nullable=False),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.Column("latest_version", columns.Integer(), nullable=False),
        sa.Column("live_version", columns.Integer(), nullable=True),
        sa.Column("promotions", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programs")),
    )
    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_programs_content_hash", ["tenant_id", "content_hash", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_programs_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_programs_status", ["tenant_id", "status", "created_at", "id"], unique=False)
        batch_op.create_index("uq_programs_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "modules",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("type", columns.String(), nullable=False),
        sa.Column("signature_text", columns.String(), nullable=False),
        sa.Column("signature_id", columns.Id(), nullable=True),
        sa.Column("config", columns.Json(), nullable=False),
        sa.Column("definition", columns.Json(), nullable=False),
        sa.Column("state", columns.Json(), nullable=True),
        sa.Column("content_hash", columns.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signatures.id"], name=op.f("fk_modules_signature_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modules")),
    )
    with op.batch_alter_table("modules", schema=None) as batch_op:
        batch_op.create_index(
            "ix_modules_content_hash", ["tenant_id", "content_hash", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_modules_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_modules_signature_id", ["tenant_id", "signature_id", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_modules_type", ["tenant_id", "type", "created_at", "id"], unique=False)
        batch_op.create_index("uq_modules_tenant_id_name", ["tenant_id", "name"], unique=True)

    op.create_table(
        "evaluations",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("status", columns.String(), nullable=False),
        sa.Column("program_id", columns.Id(), nullable=True),
        sa.Column("program_version", columns.Integer(), nullable=True),
        sa.Column("module_id", columns.Id(), nullable=True),
        sa.Column("metric", columns.Json(), nullable=True),
        sa.Column("metric_name", columns.String(), nullable=False),
        sa.Column("devset", columns.Json(), nullable=False),
        sa.Column("devset_hash", columns.String(), nullable=False),
        sa.Column("score", columns.Number(), nullable=True),
        sa.Column("total", columns.Integer(), nullable=False),
        sa.Column("correct", columns.Integer(), nullable=False),
        sa.Column("failed", columns.Integer(), nullable=False),
        sa.Column("progress", columns.Json(), nullable=False),
        sa.Column("usage", columns.Json(), nullable=False),
        sa.Column("error", columns.String(), nullable=True),
        sa.Column("owner", columns.Json(), nullable=False),
        sa.Column("seen_at", columns.Instant(), nullable=True),
        sa.Column("started_at", columns.Instant(), nullable=True),
        sa.Column("ended_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["module_id"], ["modules.id"], name=op.f("fk_evaluations_module_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_evaluations_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.create_index("ix_evaluations_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_evaluations_devset_hash", ["tenant_id", "devset_hash", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_evaluations_module_id", ["tenant_id", "module_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_evaluations_program_id", ["tenant_id", "program_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_evaluations_score", ["tenant_id", "score", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_evaluations_status", ["tenant_id", "status", "created_at", "id"], unique=False
        )

    op.create_table(
        "optimization_runs",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("status", columns.String(), nullable=False),
        sa.Column("program_id", columns.Id(), nullable=True),
        sa.Column("program_version", columns.Integer(), nullable=True),
        sa.Column("module_id", columns.Id(), nullable=True),
        sa.Column("optimizer_id", columns.Id(), nullable=True),
        sa.Column("optimizer", columns.String(), nullable=False),
        sa.Column("config", columns.Json(), nullable=False),
        sa.Column("seed", columns.Integer(), nullable=False),
        sa.Column("trainset", columns.Json(), nullable=False),
        sa.Column("valset", columns.Json(), nullable=True),
        sa.Column("metric", columns.Json(), nullable=True),
        sa.Column("metric_name", columns.String(), nullable=False),
        sa.Column("score", columns.Number(), nullable=True),
        sa.Column("best_program_state", columns.Json(), nullable=True),
        sa.Column("result_version", columns.Integer(), nullable=True),
        sa.Column("trials", columns.Json(), nullable=False),
        sa.Column("traces", columns.Json(), nullable=False),
        sa.Column("progress", columns.Json(), nullable=False),
        sa.Column("usage", columns.Json(), nullable=False),
        sa.Column("error", columns.String(), nullable=True),
        sa.Column("owner", columns.Json(), nullable=False),
        sa.Column("seen_at", columns.Instant(), nullable=True),
        sa.Column("started_at", columns.Instant(), nullable=True),
        sa.Column("ended_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["module_id"], ["modules.id"], name=op.f("fk_optimization_runs_module_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["optimizer_id"],
            ["optimizers.id"],
            name=op.f("fk_optimization_runs_optimizer_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_optimization_runs_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_optimization_runs")),
    )
    with op.batch_alter_table("optimization_runs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_optimization_runs_created_at", ["tenant_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_optimization_runs_module_id", ["tenant_id", "module_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_optimization_runs_optimizer", ["tenant_id", "optimizer", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_optimization_runs_optimizer_id",
            ["tenant_id", "optimizer_id", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_optimization_runs_program_id", ["tenant_id", "program_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_optimization_runs_score", ["tenant_id", "score", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_optimization_runs_status", ["tenant_id", "status", "created_at", "id"], unique=False
        )

    op.create_table(
        "predictors",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("program_id", columns.Id(), nullable=True),
        sa.Column("module_id", columns.Id(), nullable=True),
        sa.Column("name", columns.String(), nullable=False),
        sa.Column("position", columns.Integer(), nullable=False),
        sa.Column("instructions", columns.String(), nullable=False),
        sa.Column("fields", columns.Json(), nullable=False),
        sa.Column("demos", columns.Json(), nullable=False),
        sa.Column("lm", columns.Json(), nullable=True),
        sa.ForeignKeyConstraint(
            ["module_id"], ["modules.id"], name=op.f("fk_predictors_module_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_predictors_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_predictors")),
    )
    with op.batch_alter_table("predictors", schema=None) as batch_op:
        batch_op.create_index("ix_predictors_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_predictors_module_id", ["tenant_id", "module_id", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_predictors_name", ["tenant_id", "name", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_predictors_program_id", ["tenant_id", "program_id", "created_at", "id"], unique=False
        )

    op.create_table(
        "evaluation_results",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("tenant_id", columns.String(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("version", columns.Integer(), nullable=False),
        sa.Column("evaluation_id", columns.Id(), nullable=False),
        sa.Column("index", columns.Integer(), nullable=False),
        sa.Column("score", columns.Number(), nullable=False),
        sa.Column("prediction", columns.Json(), nullable=True),
        sa.Column("error", columns.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["evaluations.id"],
            name=op.f("fk_evaluation_results_evaluation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_results")),
    )
    with op.batch_alter_table("evaluation_results", schema=None) as batch_op:
        batch_op.create_index(
            "ix_evaluation_results_created_at", ["tenant_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_evaluation_results_evaluation_id",
            ["tenant_id", "evaluation_id", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_evaluation_results_score", ["tenant_id", "score", "created_at", "id"], unique=False
        )
