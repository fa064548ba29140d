"""Resource: what every record is, and the declaration that each class of records makes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, PrivateAttr

from dspash.resources.kernel.action import Action, ActionKind
from dspash.resources.kernel.attribute import Attribute, DeclaredAttribute, declared_attribute
from dspash.resources.kernel.relation import Relation
from dspash.resources.kernel.state_machine import StateMachine

__all__ = ["REDACTED", "Declaration", "Resource", "declaration_of"]

REDACTED: Final = "[redacted]"
_Sets = Sequence[tuple[str, ...]]  # of attributes' names


@dataclass(frozen=True, eq=False)
class Declaration:
    """Everything one resource declares. `key` is the attribute that names a record within its tenant, if any does."""

    name: str
    table: str
    doc: str
    record: type[Resource]
    attributes: Mapping[str, DeclaredAttribute]
    relations: Mapping[str, Relation]
    actions: Mapping[str, Action]
    states: StateMachine | None
    append_only: bool
    audited: bool
    indexes: tuple[tuple[str, ...], ...]
    key: str | None

    @property
    def own(self) -> list[DeclaredAttribute]:
        """The attributes this resource adds to those every record has."""
        return [found for name, found in self.attributes.items() if name not in Resource.model_fields]


class Resource(BaseModel):
    """A record. A subclass declares a resource: `class Signature(Resource, table="signatures"): …`.

    append_only: records are never changed or destroyed one by one. audited: each change leaves an audit entry.
    indexes: attributes that lists filter by together. A subclass without a table is what several resources have in
    common: they inherit its attributes, relations, states and actions.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        protected_namespaces=(),
        ignored_types=(Action, Relation, StateMachine),
        defer_build=True,  # what reads and writes records is made for those that a process comes to use
    )
    table_name: ClassVar[str] = ""
    append_only: ClassVar[bool] = False
    audited: ClassVar[bool] = True
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = ()

    id: Annotated[UUID, Attribute("The record's identity; later records have greater ones.")]
    tenant_id: Annotated[str, Attribute("Whose record it is.", max_length=200)]
    created_at: Annotated[datetime, Attribute("When it was made.", indexed=True)]
    updated_at: Annotated[datetime, Attribute("When it was last changed.")]
    version: Annotated[int, Attribute("Counts its changes, from 1.")]
    _included: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    def __init_subclass__(
        cls,
        *,
        table: str = "",
        append_only: bool = False,
        audited: bool = True,
        indexes: _Sets = (),
        **more: Any,
    ) -> None:
        super().__init_subclass__(**more)
        cls.table_name, cls.append_only, cls.audited = table, append_only, audited
        cls.indexes = tuple(indexes)

    @property
    def included(self) -> Mapping[str, Any]:
        """The relations that the read was asked to include, by name."""
        return MappingProxyType(self._included)

    @classmethod
    def from_store(cls, values: Mapping[str, Any]) -> Self:
        """The record of values that were valid when they were written; an attribute that is not given is not there."""
        record = cls.model_construct(**values)
        for name in cls.model_fields.keys() - values.keys():
            vars(record).pop(name, None)
        return record

    def including(self, name: str, found: Any) -> None:
        """Keep what was read of the relation `name`; for the reader of this record, before anybody else has it."""
        self._included[name] = found

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        attributes = declaration_of(type(self)).attributes
        for name, value in super().__repr_args__():
            hidden = (
                name is not None
                and name in attributes
                and attributes[name].spec.sensitive
                and value is not None
            )
            yield name, REDACTED if hidden else value


_declarations: dict[type[Resource], Declaration] = {}


def declaration_of(record: type[Resource]) -> Declaration:
    """What the class declares. Raises TypeError where it contradicts itself."""
    if record not in _declarations:
        _declarations[record] = _read(record)
    return _declarations[record]


def _read(record: type[Resource]) -> Declaration:
    try:
        return _checked(_declared(record))
    except TypeError as error:
        raise TypeError(f"{record.__qualname__}: {error}") from None


def _declared(record: type[Resource]) -> Declaration:
    if not record.__pydantic_fields_complete__:
        record.model_rebuild()
    members: dict[str, Any] = {}
    for name, value in (member for base in record.__mro__ for member in vars(base).items()):
        members.setdefault(name, value)  # what it declares itself counts before what it inherits
    attributes = {name: declared_attribute(name, field) for name, field in record.model_fields.items()}
    return Declaration(
        name=record.__name__,
        table=record.table_name,
        doc=inspect.cleandoc(record.__doc__ or ""),
        record=record,
        attributes=attributes,
        relations={name: value for name, value in members.items() if isinstance(value, Relation)},
        actions={value.name: value for value in members.values() if isinstance(value, Action)},
        states=next((value for value in members.values() if isinstance(value, StateMachine)), None),
        append_only=record.append_only,
        audited=record.audited,
        indexes=record.indexes,
        key=next((name for name, found in attributes.items() if found.spec.unique), None),
    )


def _checked(declared: Declaration) -> Declaration:
    if not declared.table:
        raise TypeError("it has no table; it is there for others to inherit from")
    if not declared.doc:
        raise TypeError("a resource's docstring says what its records are")
    for name, found in declared.attributes.items():
        if isinstance(found.field.default, (Action, Relation, StateMachine)):
            raise TypeError(f"{name} names an attribute and something else besides")
    for name in {name for index in declared.indexes for name in index}:
        if name not in declared.attributes or not declared.attributes[name].is_sortable:
            raise TypeError(f"an index names {name}, which is no attribute that lists can be sorted by")
    for action in declared.actions.values():
        _check_action(declared, action)
    if declared.states is not None:
        _check_states(declared, declared.states)
    return declared


def _check_action(declared: Declaration, action: Action) -> None:
    if not action.doc:
        raise TypeError(f"the action {action.name} has no docstring")
    changes = action.kind in {ActionKind.UPDATE, ActionKind.DESTROY}
    if changes != action.takes_record and action.kind is not ActionKind.GENERIC:
        raise TypeError(f"the action {action.name}: {action.kind} does not go with its parameters")
    if declared.append_only and changes:
        raise TypeError(f"the action {action.name}: records that are only appended are never changed")


def _check_states(declared: Declaration, machine: StateMachine) -> None:
    if machine.attribute not in declared.attributes:
        raise TypeError(f"its states are kept in {machine.attribute}, which is no attribute")
    for _, name in machine.transitions:
        if name not in declared.actions and name != "destroy":
            raise TypeError(f"its states name the action {name}, which does not exist")
