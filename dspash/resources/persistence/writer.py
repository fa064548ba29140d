"""Writer: records of one resource on their way into the store, whole and within their tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError
from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dspash.errors import ConflictError, InvalidInputError, Problem
from dspash.resources.kernel.audit import AuditEntry, differences
from dspash.resources.kernel.resource import Declaration, Resource
from dspash.resources.kernel.scene import StoredScene
from dspash.resources.persistence.problems import invalid
from dspash.resources.persistence.storable import to_column
from dspash.store.identity import new_id

__all__ = ["Writer"]

R = TypeVar("R", bound=Resource)

_GIVEN = ("id", "created_at")  # of the kernel's own attributes those that a new record may bring along


class Writer(Generic[R]):
    """Writes for one scene, in its transaction. Nothing is written unless everything is valid."""

    def __init__(self, scene: StoredScene, declaration: Declaration) -> None:
        self._scene = scene
        self._declaration = declaration
        self._table = scene.domain.table(declaration)

    def make(self, values: Mapping[str, Any]) -> tuple[R, dict[str, Any]]:
        """A new record and its row; nothing is written. Raises InvalidInputError with every problem."""
        now = self._scene.now()
        machine = self._declaration.states
        defaults: dict[str, Any] = {"id": new_id(), "created_at": now}
        if machine is not None:
            defaults[machine.attribute] = machine.initial
        self._refuse_own(values, besides=_GIVEN)
        return self._checked(
            {**defaults, **values, "tenant_id": self._scene.context.tenant, "updated_at": now, "version": 1}
        )

    def adopt(self, values: Mapping[str, Any]) -> tuple[R, dict[str, Any]]:
        """A record of this tenant with all its values, from a store that had it before, and its row.

        Nothing is written. Raises InvalidInputError with every problem.
        """
        return self._checked({**values, "tenant_id": self._scene.context.tenant})

    def insert(self, made: Sequence[tuple[R, dict[str, Any]]], action: str | None) -> None:
        """Write new records, as `make` or `adopt` made them, and the audit entries of `action`, if it is one."""
        rows = [row for _, row in made]
        self._require_referents(rows)
        try:
            self._scene.connection.execute(insert(self._table), rows)
        except IntegrityError as error:
            raise self._conflict(error) from None
        if action is not None:
            self._audit(action, [({}, row) for row in rows])

    def change(self, record: R, values: Mapping[str, Any], action: str) -> R:
        """Write what differs from `record`, and its audit entry. Raises ConflictError when it has changed meanwhile."""
        self._refuse_own(values)
        before = self._columns(record)
        after, row = self._checked(
            {**dict(record), **values, "updated_at": self._scene.now(), "version": record.version + 1}
        )
        changed = {name: row[name] for name in row if row[name] != before[name]}
        if changed.keys() <= {"updated_at", "version"}:
            return record
        self._require_referents([changed])
        try:
            done = self._scene.connection.execute(update(self._table).where(self._is(record)).values(changed))
        except IntegrityError as error:
            raise self._conflict(error) from None
        if done.rowcount != 1:
            raise self._lost_race(record)
        self._audit(action, [(before, row)])
        return after

    def remove(self, record: R, action: str) -> None:
        """Delete `record` and leave an audit entry. Raises ConflictError when others refer to it, or it has changed."""
        try:
            done = self._scene.connection.execute(delete(self._table).where(self._is(record)))
        except IntegrityError as error:
            raise self._conflict(error) from None
        if done.rowcount != 1:
            raise self._lost_race(record)
        before = self._columns(record)
        self._audit(action, [(before, {"id": record.id, "version": record.version + 1})])

    def _checked(self, values: Mapping[str, Any]) -> tuple[R, dict[str, Any]]:
        """The record, and the row it becomes."""
        try:
            record = cast("R", self._declaration.record.model_validate(values))
        except ValidationError as error:
            raise invalid(error, values) from None
        return record, self._columns(record)

    def _columns(self, record: R) -> dict[str, Any]:
        problems: list[Problem] = []
        attributes = self._declaration.attributes.values()
        row = {found.name: to_column(found, getattr(record, found.name), problems) for found in attributes}
        machine = self._declaration.states
        if machine is not None and row[machine.attribute] not in machine.states:
            problems.append(
                Problem(f"$.{machine.attribute}", f"is no state; there are {', '.join(machine.states)}")
            )
        if problems:
            raise InvalidInputError.of(problems)
        return row

    def _refuse_own(self, values: Mapping[str, Any], *, besides: Iterable[str] = ()) -> None:
        own = Resource.model_fields.keys() - set(besides)
        if refused := [name for name in values if name in own]:
            raise InvalidInputError.of([Problem(f"$.{name}", "is set by dspash alone") for name in refused])

    def _require_referents(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Every record that `rows` refer to exists within the tenant: the database knows no tenants."""
        problems: list[Problem] = []
        for attribute in self._declaration.own:
            if attribute.spec.references is None:
                continue
            wanted = {row.get(attribute.name) for row in rows} - {None}
            if not wanted:
                continue
            target = self._scene.domain.table(self._scene.domain.declaration(attribute.spec.references))
            there = select(target.c.id).where(
                target.c.tenant_id == self._scene.context.tenant, target.c.id.in_(wanted)
            )
            missing = wanted - set(self._scene.connection.execute(there).scalars())
            problems += [
                Problem(f"$.{attribute.name}", f"there is no {attribute.spec.references} {absent}")
                for absent in missing
            ]
        if problems:
            raise InvalidInputError.of(problems)

    def _audit(self, action: str, changes: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        if not self._declaration.audited:
            return
        entries = Writer[AuditEntry](self._scene, self._scene.domain.declaration(AuditEntry))
        entries.insert([entries.make(self._entry(action, *change)) for change in changes], action)

    def _entry(self, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "resource": self._declaration.name,
            "record_id": after["id"],
            "record_version": after["version"],
            "action": action,
            "actor": self._scene.context.actor,
            "request_id": self._scene.context.request_id,
            "changes": differences(self._declaration, before, after),
        }

    def _is(self, record: R) -> Any:
        """The very version of the record that was read."""
        columns = self._table.c
        return and_(
            columns.id == record.id,
            columns.tenant_id == self._scene.context.tenant,
            columns.version == record.version,
        )

    def _lost_race(self, record: R) -> ConflictError:
        return ConflictError(
            resource=self._declaration.name,
            conflict="version",
            problem=f"{record.id} is no longer at version {record.version}",
            way_out="read it again and repeat the change",
        )

    def _conflict(self, error: IntegrityError) -> ConflictError:
        """What the database refused: both databases name the constraint or its columns, and never through a type."""
        told = str(error.orig)
        taken = [found.name for found in self._declaration.own if found.spec.unique and found.name in told]
        if "UNIQUE" in told.upper():
            return ConflictError(
                resource=self._declaration.name,
                conflict="unique",
                problem=f"another one has the same {taken[0] if taken else 'id'}",
                way_out="choose another, or change the one that is there",
            )
        return ConflictError(
            resource=self._declaration.name,
            conflict="reference",
            problem="other records refer to it, or what it refers to is gone",
            way_out="remove the references first",
        )
