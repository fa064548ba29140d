"""Domain: all resources, and everything about them as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dspash.resources.kernel.action import Action, ActionKind
from dspash.resources.kernel.audit import AuditEntry
from dspash.resources.kernel.described import DEFAULT_ACTIONS, FILTER_OPERATORS
from dspash.resources.kernel.resource import Declaration, Resource, declaration_of

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

__all__ = ["Domain"]


class Domain:
    """The resources of an application, the audit entries among them. Raises TypeError where they do not fit together."""

    def __init__(self, resources: Sequence[type[Resource]]) -> None:
        self.resources: tuple[type[Resource], ...] = tuple(dict.fromkeys([*resources, AuditEntry]))
        self._declarations = {resource.__name__: declaration_of(resource) for resource in self.resources}
        self._tables = {declared.table: declared for declared in self._declarations.values()}
        if len(self._tables) < len(self.resources):
            raise TypeError("two resources have the same table or the same name")
        for declared in self._declarations.values():
            self._check_relations(declared)

    def __repr__(self) -> str:
        return f"<Domain {' '.join(self._declarations)}>"

    @property
    def declarations(self) -> Mapping[str, Declaration]:
        """What each resource declares, by its name."""
        return self._declarations

    def resource(self, name: str) -> type[Resource]:
        """The resource of that name (`Signature`) or table (`signatures`). Raises KeyError."""
        return self.declaration(name).record

    def declaration(self, resource: str | type[Resource]) -> Declaration:
        """What the resource declares. Raises KeyError where the domain does not have it."""
        name = resource if isinstance(resource, str) else resource.__name__
        found = self._declarations.get(name) or self._tables.get(name)
        if found is None:
            raise KeyError(f"no resource is called {name!r}; there are {', '.join(self._declarations)}")
        return found

    @cached_property
    def metadata(self) -> MetaData:
        """The tables of all resources."""
        from dspash.resources.persistence import make_tables

        return make_tables(self._declarations.values())

    def table(self, declaration: Declaration) -> Table:
        """The table of one resource."""
        return self.metadata.tables[declaration.table]

    def describe(self) -> dict[str, Any]:
        """Everything that is declared, as plain data: the documentation, the commands and the tests are made of it."""
        return {
            "filter_operators": list(FILTER_OPERATORS),
            "resources": [self.describe_resource(name) for name in self._declarations],
        }

    def describe_resource(self, name: str) -> dict[str, Any]:
        """The part of `describe` that is about one resource, by its name or table. Raises KeyError."""
        declared = self.declaration(name)
        return {
            "name": declared.name,
            "table": declared.table,
            "doc": declared.doc,
            "key": declared.key,
            "append_only": declared.append_only,
            "audited": declared.audited,
            "indexes": [list(index) for index in declared.indexes],
            "attributes": [found.describe() for found in declared.attributes.values()],
            "relations": [found.describe() for found in declared.relations.values()],
            "actions": [
                *(
                    action
                    for action in DEFAULT_ACTIONS
                    if action["name"] not in declared.actions
                    and not (declared.append_only and action["name"] == "destroy")
                ),
                *(_described(action) for action in declared.actions.values()),
            ],
            "states": declared.states.describe() if declared.states is not None else None,
        }

    def _check_relations(self, declared: Declaration) -> None:
        for relation in declared.relations.values():
            if relation.resource not in self._declarations:
                raise TypeError(f"{declared.name}.{relation.name}: {relation.resource} is no resource here")
            holder = self._declarations[relation.resource]
            attributes = declared.attributes if relation.holds_id else holder.attributes
            if relation.by not in attributes:
                raise TypeError(f"{declared.name}.{relation.name}: there is no attribute {relation.by}")


def _described(action: Action) -> dict[str, Any]:
    return {**action.describe(), "default": False, "writes": action.kind is not ActionKind.READ}
