"""Reader: the queries for records of one resource, within what the context sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Generic, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, or_, select

from dspash.errors import InvalidInputError, NotFoundError, Problem
from dspash.resources.kernel.relation import Relation
from dspash.resources.kernel.resource import Declaration, Resource
from dspash.resources.kernel.scene import StoredScene
from dspash.resources.persistence.filters import compile_filter, read_value
from dspash.resources.persistence.page import Order, Page
from dspash.resources.persistence.storable import from_column
from dspash_protocol import Progress

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Reader"]

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 1000
MAX_INCLUDED: Final = 10_000  # records that the relations of one page may bring in

R = TypeVar("R", bound=Resource)


class Reader(Generic[R]):
    """Reads for one scene. One statement a call, and one more for each relation that is included."""

    def __init__(self, scene: StoredScene, declaration: Declaration) -> None:
        self._scene = scene
        self._declaration = declaration
        self._table = scene.domain.table(declaration)

    def get(self, key: object, include: Sequence[str] = (), *, locking: bool = False) -> R:
        """The record of that id or name; `locking` keeps other writers from it until the transaction ends.

        Raises NotFoundError.
        """
        relations = self._relations(include)
        statement = select(self._table).where(self._visible(), self._named(key))
        with self._scene.reading() as connection:
            row = connection.execute(statement.with_for_update() if locking else statement).first()
            if row is None:
                details = {"resource": self._declaration.name}
                if self._declaration.append_only:  # nobody creates one by hand
                    details["way_out"] = "list them to see which there are"
                problem = f"no {self._declaration.name} {_shown(key)}"
                raise NotFoundError(problem, progress=Progress.NOT_SENT, details=details)
            record = self._record(row)
            self._include([record], relations, connection)
        return record

    def page(
        self,
        *,
        conditions: object,
        sort: str | Sequence[str],
        limit: int,
        after: str | None,
        include: Sequence[str],
        attributes: Sequence[str] | None,
    ) -> Page[R]:
        """One page of the records that fit. Raises InvalidInputError naming the argument and the attribute."""
        if (
            not isinstance(cast("object", limit), int)
            or isinstance(limit, bool)
            or not 1 <= limit <= MAX_LIMIT
        ):
            raise InvalidInputError.of([Problem("$.limit", f"needs a whole number from 1 to {MAX_LIMIT}")])
        order = Order(self._declaration, self._table, sort)
        relations = self._relations(include)
        wanted = self._selected(attributes, relations)
        columns = [self._table.c[name] for name in dict.fromkeys([*wanted, *order.names])]
        statement = (
            select(*columns)
            .where(self._visible(), self._filter(conditions))
            .order_by(*order.columns)
            .limit(limit + 1)  # one more tells whether there is a next page
        )
        if after is not None:
            statement = statement.where(order.after(after))
        with self._scene.reading() as connection:
            rows = connection.execute(statement).all()
            records = [self._record(row, wanted) for row in rows[:limit]]
            self._include(records, relations, connection)
        more = len(rows) > limit
        return Page(tuple(records), order.cursor(_named_values(rows[limit - 1])) if more else None)

    def count(self, conditions: object) -> int:
        """How many records fit."""
        statement = (
            select(func.count()).select_from(self._table).where(self._visible(), self._filter(conditions))
        )
        with self._scene.reading() as connection:
            return connection.execute(statement).scalar_one()

    def _visible(self) -> ColumnElement[bool]:
        context = self._scene.context
        seen = self._scene.policy.visible(context, self._declaration.name)
        own = self._table.c.tenant_id == context.tenant
        return and_(own, compile_filter(self._declaration, self._table, seen, path="policy")) if seen else own

    def _filter(self, conditions: object) -> ColumnElement[bool]:
        return compile_filter(self._declaration, self._table, {} if conditions is None else conditions)

    def _named(self, key: object) -> ColumnElement[bool]:
        if isinstance(key, Resource):
            if not isinstance(key, self._declaration.record):
                raise InvalidInputError.of([Problem("$.id", f"is a {type(key).__name__}")])
            key = key.id
        if isinstance(key, UUID):
            return self._table.c.id == key
        if not isinstance(key, str):
            raise InvalidInputError.of([Problem("$.id", "needs an id, a name or a record")])
        alternatives: list[ColumnElement[bool]] = [false()]
        problems: list[Problem] = []
        for name in filter(None, ("id", self._declaration.key)):
            found = len(problems)
            value = read_value(self._declaration.attributes[name], key, "$.id", problems)
            if len(problems) == found:
                alternatives.append(self._table.c[name] == value)
        return or_(*alternatives)

    def _selected(self, names: Sequence[str] | None, relations: Iterable[Relation]) -> list[str]:
        if names is None:
            return list(self._declaration.attributes)
        if isinstance(names, str) or not isinstance(cast("object", names), (list, tuple)):
            raise InvalidInputError.of([Problem("$.select", "needs a list of attributes")])
        problems = [
            Problem(f"$.select[{index}]", f"{self._declaration.name} has no attribute {name!r:.100}")
            for index, name in enumerate(names)
            if not isinstance(cast("object", name), str) or name not in self._declaration.attributes
        ]
        if problems:
            raise InvalidInputError.of(problems)
        needed = [found.by for found in relations if found.holds_id]
        return list(dict.fromkeys(["id", *names, *needed]))

    def _relations(self, include: Sequence[str]) -> list[Relation]:
        if isinstance(include, str) or not isinstance(cast("object", include), (list, tuple)):
            raise InvalidInputError.of([Problem("$.include", "needs a list of relations")])
        known = self._declaration.relations
        problems = [
            Problem(
                f"$.include[{index}]", f"{name!r:.100} is no relation; there are {', '.join(known) or 'none'}"
            )
            for index, name in enumerate(include)
            if not isinstance(cast("object", name), str) or name not in known
        ]
        if problems:
            raise InvalidInputError.of(problems)
        return [known[name] for name in dict.fromkeys(include)]

    def _record(self, row: Row[Any], names: Iterable[str] | None = None) -> R:
        attributes = self._declaration.attributes
        kept = _named_values(row)
        values = {name: from_column(attributes[name], kept[name]) for name in names or attributes}
        return cast("R", self._declaration.record.from_store(values))

    def _include(self, records: list[R], relations: list[Relation], connection: Connection) -> None:
        for relation in relations if records else []:
            related = self._scene.domain.declaration(relation.resource)
            Reader[Any](self._scene, related).attach(relation, records, connection)

    def attach(self, relation: Relation, records: Sequence[Resource], connection: Connection) -> None:
        """Read the records of this resource that `relation` leads to from `records`, and keep them there."""
        single = relation.holds_id
        here, there = (relation.by, "id") if single else ("id", relation.by)
        wanted = {getattr(record, here) for record in records} - {None}
        statement = (
            select(self._table)
            .where(self._visible(), self._table.c[there].in_(wanted))
            .order_by(self._table.c.created_at, self._table.c.id)
            .limit(MAX_INCLUDED + 1)
        )
        rows = list(connection.execute(statement)) if wanted else []
        if len(rows) > MAX_INCLUDED:
            raise InvalidInputError.of(
                [Problem("$.include", f"{relation.name} has more than {MAX_INCLUDED} records; list them")]
            )
        found: dict[Any, list[Resource]] = {}
        for row in rows:
            record = self._record(row)
            found.setdefault(getattr(record, there), []).append(record)
        for record in records:
            theirs = found.get(getattr(record, here), [])
            record.including(relation.name, (theirs[0] if theirs else None) if single else tuple(theirs))


def _named_values(row: Row[Any]) -> dict[str, Any]:
    return dict(zip(row._fields, row, strict=True))  # pyright: ignore[reportPrivateUsage] - as in namedtuple


def _shown(key: object) -> str:
    shown = str(key.id) if isinstance(key, Resource) else str(key)
    text = shown if len(shown) <= 100 else f"{shown[:100]}…"
    return repr(text)
