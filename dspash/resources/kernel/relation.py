"""Relations: how records of one resource lead to those of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, overload

if TYPE_CHECKING:
    from dspash.resources.kernel.resource import Resource

__all__ = ["BelongsTo", "HasMany", "Relation"]


@dataclass(eq=False)
class Relation:
    """A relation to `resource`, by the attribute `by`. On a record it is what the read was asked to include."""

    resource: str
    by: str
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type) -> Self: ...
    @overload
    def __get__(self, record: Resource, owner: type) -> Any: ...
    def __get__(self, record: Resource | None, owner: type) -> Any:
        if record is None:
            return self
        included = record.included
        if self.name not in included:
            raise AttributeError(f"{self.name} was not read; read the record with include=[{self.name!r}]")
        return included[self.name]

    @property
    def holds_id(self) -> bool:
        """Whether `by` is an attribute of the resource that declares the relation."""
        return isinstance(self, BelongsTo)

    def describe(self) -> dict[str, Any]:
        """The relation as plain data."""
        return {"name": self.name, "kind": type(self).__name__, "resource": self.resource, "by": self.by}


class BelongsTo(Relation):
    """One record of `resource`, or None: the one whose id this record's attribute `by` holds."""


class HasMany(Relation):
    """All records of `resource` whose attribute `by` holds this record's id, oldest first."""
