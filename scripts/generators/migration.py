"""Write the next migration: the difference between the resources' tables and those the migrations make."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import AddColumnOp, ModifyTableOps
from ruff import find_ruff_bin
from sqlalchemy import DefaultClause

from dspash.resources import DOMAIN
from dspash.resources.kernel import Domain, Kind
from dspash.resources.persistence.storable import to_column
from dspash.store import Store
from dspash.store.json_text import encode_json
from dspash.store.migrating import MIGRATIONS, Migrations

TEMPLATE = '''"""{title}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dspash.store import columns

__all__ = ["down_revision", "revision", "upgrade"]

revision = "{revision}"
down_revision = {parent!r}


def upgrade() -> None:
    {body}
'''


def write_migration(
    name: str, tables: frozenset[str], *, domain: Domain = DOMAIN, folder: Path = MIGRATIONS
) -> Path | None:
    """Write the migration `name` for `tables`, or all; None when nothing differs.

    Raises ValueError for an attribute that the records there are cannot have: it is required.
    """
    migrations = Migrations(folder)
    newest = migrations.revisions[-1] if migrations.revisions else None
    with (
        tempfile.TemporaryDirectory() as made,
        Store.connect(Path(made) / "now.db", migrations=migrations) as store,
    ):
        if newest is not None:
            store.upgrade()
        with store.read() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_type": True,
                    "render_as_batch": True,
                    "user_module_prefix": "columns.",
                    "include_name": _includes(tables),
                    "include_object": _belongs(tables),
                },
            )
            found = produce_migrations(context, domain.metadata).upgrade_ops
            if found is None or found.is_empty():
                return None
            _fill_new_columns(found.ops, domain)
            body = render_python_code(
                found, render_as_batch=True, migration_context=context, user_module_prefix="columns."
            )
    number = int(newest) + 1 if newest is not None else 1
    path = folder / "versions" / f"r{number:04d}_{name}.py"
    title = name.replace("_", " ").capitalize()
    text = TEMPLATE.format(title=title, revision=f"{number:04d}", parent=newest, body=_tidy(body))
    path.write_text(text)
    subprocess.run([find_ruff_bin(), "format", "--quiet", str(path)], check=True, timeout=60)
    return path


def _fill_new_columns(operations: Iterable[Any], domain: Domain) -> None:
    """Give the records that are there the attribute's default."""
    for operation in operations:
        if isinstance(operation, ModifyTableOps):
            _fill_new_columns(operation.ops, domain)
        elif isinstance(operation, AddColumnOp) and not operation.column.nullable:
            attribute = domain.declaration(operation.table_name).attributes[operation.column.name]
            if attribute.field.is_required():
                raise ValueError(
                    f"{operation.table_name}.{attribute.name} needs a default, or None: records are there without it"
                )
            default = attribute.field.get_default(call_default_factory=True, validated_data={})
            kept = to_column(attribute, default, [])
            told = (
                encode_json(kept)
                if attribute.kind is Kind.JSON
                else str(int(kept) if isinstance(kept, bool) else kept)
            )
            operation.column.server_default = DefaultClause(told)


def _includes(tables: frozenset[str]) -> Any:
    return lambda name, kind, _: kind != "table" or not tables or name in tables


def _belongs(tables: frozenset[str]) -> Any:
    return lambda _, name, kind, *__: kind != "table" or not tables or name in tables


def _tidy(body: str) -> str:
    """The operations without Alembic's remarks, and without the arguments that only say what a type is made of."""
    lines = [line for line in body.splitlines() if not line.strip().startswith("#")]
    return re.sub(r"columns\.(\w+)\([^()]*(?:\([^()]*\))?[^()]*\)", r"columns.\1()", "\n".join(lines).strip())


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="what it adds, as in traces or dataset_examples")
    parser.add_argument("--tables", default="", help="only these, separated by commas")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", arguments.name):
        parser.error("a name has small letters, digits and _")
    path = write_migration(arguments.name, frozenset(filter(None, arguments.tables.split(","))))
    print(f"wrote {path}" if path else "the migrations make all tables already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
