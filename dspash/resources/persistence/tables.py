"""Tables: made from the declarations, column by column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, ForeignKey, Index, MetaData, Table
from sqlalchemy.types import TypeEngine

from dspash.resources.kernel.attribute import DeclaredAttribute, Kind
from dspash.resources.kernel.resource import Declaration
from dspash.store import columns

__all__ = ["make_tables"]

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
_TYPES: Final[dict[Kind, type[TypeEngine[Any]]]] = {
    Kind.TEXT: columns.String,
    Kind.INTEGER: columns.Integer,
    Kind.NUMBER: columns.Number,
    Kind.BOOLEAN: columns.Flag,
    Kind.INSTANT: columns.Instant,
    Kind.UUID: columns.Id,
    Kind.BYTES: columns.Octets,
    Kind.JSON: columns.Json,
}


def make_tables(declarations: Iterable[Declaration]) -> MetaData:
    """The tables of all resources; each is `metadata.tables[declaration.table]`."""
    declared = {declaration.name: declaration for declaration in declarations}
    metadata = MetaData(naming_convention=_NAMES)
    for declaration in declared.values():
        _add_table(metadata, declaration, declared)
    return metadata


def _add_table(metadata: MetaData, declaration: Declaration, declared: dict[str, Declaration]) -> None:
    made = [_column(found, declared) for found in declaration.attributes.values()]
    table = Table(declaration.table, metadata, *made)
    for name, found in declaration.attributes.items():
        if found.spec.unique:
            Index(f"uq_{table.name}_tenant_id_{name}", table.c.tenant_id, table.c[name], unique=True)
        elif name == "created_at":
            Index(f"ix_{table.name}_created_at", table.c.tenant_id, table.c.created_at, table.c.id)
        elif found.spec.indexed or found.spec.references is not None:
            _add_index(table, name)
    for names in declaration.indexes:
        _add_index(table, *names)


def _add_index(table: Table, *names: str) -> None:
    # What follows the values is the order of a list: a filtered page is read from the index alone.
    indexed = [table.c[name] for name in ("tenant_id", *names, "created_at", "id")]
    Index(f"ix_{table.name}_{'_'.join(names)}", *indexed)


def _column(found: DeclaredAttribute, declared: dict[str, Declaration]) -> Column[Any]:
    references: list[ForeignKey] = []
    if found.spec.references is not None:
        if found.spec.references not in declared:
            raise TypeError(
                f"{found.name} references {found.spec.references}, which the domain does not have"
            )
        target = declared[found.spec.references].table
        references.append(ForeignKey(f"{target}.id", ondelete=found.spec.on_delete.upper()))
    return Column(
        found.name,
        _TYPES[found.kind](),
        *references,
        primary_key=found.name == "id",
        nullable=found.nullable,
    )
