"""Collection: the records of one resource, with its actions as methods."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Generic, TypeVar

from pydantic import ValidationError

from dspash.errors import ConflictError, ForbiddenError, InvalidInputError, Problem
from dspash.resources.kernel.action import Action, ActionKind
from dspash.resources.kernel.resource import Declaration, Resource
from dspash.resources.kernel.scene import StoredScene
from dspash.resources.persistence.page import Page
from dspash.resources.persistence.problems import invalid
from dspash.resources.persistence.reader import DEFAULT_LIMIT, MAX_LIMIT, Reader
from dspash.resources.persistence.writer import Writer

__all__ = ["Collection"]

ROWS_A_TRANSACTION: Final = 500  # of create_many: memory stays bounded, and other writers get their turn

R = TypeVar("R", bound=Resource)
_Filter = Mapping[str, Any] | None
_METHODS: Final = frozenset("create create_many get list count update destroy".split())


class Collection(Generic[R]):
    """What `app.signatures` is. Every action of the resource is a method; with an `a` before its name, a coroutine.

    An action runs in this order: authorise, validate all arguments, check the record's state, then everything in one
    transaction with the audit entry. Raises ForbiddenError, InvalidInputError, NotFoundError, TransitionError or
    ConflictError, with nothing written; the coroutines run in a thread.
    """

    def __init__(self, scene: StoredScene, declaration: Declaration) -> None:
        self._scene = scene
        self._declaration = declaration
        self._reader = Reader[R](scene, declaration)

    def __repr__(self) -> str:
        return f"<Collection of {self._declaration.name} for {self._scene.context.tenant}>"

    def __dir__(self) -> list[str]:
        named = [*_METHODS, *self._declaration.actions]
        return sorted({*super().__dir__(), *named, *(f"a{name}" for name in named)})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        declared = self._declaration.actions
        name = name.removesuffix("_")  # `import_`: a keyword cannot follow a dot
        if name in declared:
            return partial(self._run, declared[name])
        plain = name.removeprefix("a")
        if plain != name and (plain in declared or plain in _METHODS):
            return partial(asyncio.to_thread, getattr(self, plain))
        offered = [*sorted(_METHODS), *(key for key, action in declared.items() if not action.is_internal)]
        raise AttributeError(
            f"{self._declaration.name} has no action {name!r}; it has {', '.join(dict.fromkeys(offered))}"
        )

    def get(self, key: object, *, include: Sequence[str] = ()) -> R:
        """The record of that id or name. Raises NotFoundError."""
        self._authorise("get")
        return self._reader.get(key, include)

    def list(
        self,
        *,
        filter: _Filter = None,
        sort: str | Sequence[str] = "created_at",
        limit: int = DEFAULT_LIMIT,
        after: str | None = None,
        include: Sequence[str] = (),
        select: Sequence[str] | None = None,
    ) -> Page[R]:
        """One page of the records that fit; `after` is the `next` of the page before.

        With `select` the records have those attributes, and the id, alone.
        """
        self._authorise("list")
        return self._reader.page(
            conditions=filter, sort=sort, limit=limit, after=after, include=include, attributes=select
        )

    def iterate(
        self,
        *,
        filter: _Filter = None,
        sort: str | Sequence[str] = "created_at",
        include: Sequence[str] = (),
        select: Sequence[str] | None = None,
    ) -> Generator[R]:
        """All records that fit, page by page: what is made meanwhile may appear, nothing appears twice."""
        after = None
        while True:
            page = self.list(
                filter=filter, sort=sort, limit=MAX_LIMIT, after=after, include=include, select=select
            )
            yield from page.items
            after = page.next
            if after is None:
                return

    async def aiterate(self, **arguments: Any) -> AsyncGenerator[R]:
        """The same without holding up the event loop; takes what `iterate` takes."""
        after = None
        while True:
            page = await asyncio.to_thread(self.list, limit=MAX_LIMIT, after=after, **arguments)
            for record in page.items:
                yield record
            after = page.next
            if after is None:
                return

    def count(self, *, filter: _Filter = None) -> int:
        """How many records fit."""
        self._authorise("count")
        return self._reader.count(filter)

    def destroy(self, key: object) -> None:
        """Remove one record. Raises ConflictError while others refer to it."""
        if self._declaration.append_only:
            raise ForbiddenError(
                actor=self._scene.context.actor, action="destroy", resource=self._declaration.name
            )
        self._authorise("destroy")
        declared = self._declaration.actions.get("destroy")
        with self._scene.transaction() as scene:
            record = self._read_for_change(scene, key)
            self._target("destroy", record)
            if declared is not None:
                declared.function(scene, record)
            Writer[R](scene, self._declaration).remove(record, "destroy")

    def create_many(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run the create action for each of `rows`, its arguments; returns how many records were made.

        Rows are drawn and written a few hundred at a time, each lot in a transaction of its own: a row that is refused
        ends it with those lots written that came before. `.problems` start with the row: `$[17].name`.
        """
        action = self._declaration.actions.get("create")
        if action is None or action.kind is not ActionKind.CREATE:
            raise AttributeError(f"{self._declaration.name} has no action that makes one record of one row")
        self._authorise("create")
        numbered = enumerate(rows)
        total = 0
        while lot := list(itertools.islice(numbered, ROWS_A_TRANSACTION)):
            with self._scene.transaction() as scene:
                writer = Writer[R](scene, self._declaration)
                made = [self._make_row(scene, writer, action, index, row) for index, row in lot]
                writer.insert(made, action.name)
            total += len(lot)
        return total

    def row(self, **values: Any) -> dict[str, Any]:
        """A new record's row for a GroupWriter, from values of attributes; nothing is written.

        Raises InvalidInputError as an action would.
        """
        return Writer[R](self._scene, self._declaration).make(values)[1]

    def _run(self, action: Action, *target: object, **arguments: Any) -> Any:
        if len(target) != action.takes_record:
            what = "one record, id or name" if action.takes_record else "no record"
            raise InvalidInputError.of([Problem("$.id", f"{action.name} takes {what}")])
        self._authorise(action.name)
        read = _read_arguments(action, arguments)
        match action.kind:
            case ActionKind.CREATE:
                return self._create(action, read)
            case ActionKind.UPDATE:
                return self._update(action, target[0], read)
            case _:
                return self._use(action, target, read)

    def _create(self, action: Action, arguments: Mapping[str, Any]) -> R:
        with self._scene.transaction() as scene:
            writer = Writer[R](scene, self._declaration)
            made = writer.make(action.function(scene, **arguments))
            writer.insert([made], action.name)
        return made[0]

    def _update(self, action: Action, key: object, arguments: Mapping[str, Any]) -> R:
        with self._scene.transaction() as scene:
            record = self._read_for_change(scene, key)
            target = self._target(action.name, record)
            values = {**action.function(scene, record, **arguments), **target}
            return Writer[R](scene, self._declaration).change(record, values, action.name)

    def _use(self, action: Action, target: tuple[object, ...], arguments: Mapping[str, Any]) -> Any:
        if not target:
            return action.function(self._scene, **arguments)
        record = self._reader.get(target[0])
        self._target(action.name, record)
        result = action.function(self._scene, record, **arguments)
        if self._declaration.states is not None and self._declaration.states.governs(action.name):
            with self._scene.transaction() as scene:
                now = self._read_for_change(scene, record.id)
                Writer[R](scene, self._declaration).change(now, self._target(action.name, now), action.name)
        return result

    def _read_for_change(self, scene: StoredScene, key: object) -> R:
        record = Reader[R](scene, self._declaration).get(key, locking=True)
        if isinstance(key, Resource) and key.version != record.version:
            raise ConflictError(
                resource=self._declaration.name,
                conflict="version",
                problem=f"{record.id} is at version {record.version}, no longer at {key.version}",
                way_out="read it again and repeat the change",
            )
        return record

    def _target(self, action: str, record: R) -> dict[str, str]:
        """The state that the action leads to, as a value to write. Raises TransitionError where it does not fit."""
        machine = self._declaration.states
        if machine is None or not machine.governs(action):
            return {}
        declared, state = self._declaration, getattr(record, machine.attribute)
        called = record.id if declared.key is None else getattr(record, declared.key)
        hidden = {name for name, found in declared.actions.items() if found.is_internal}
        return {machine.attribute: machine.target(f"{declared.name} {called}", state, action, hidden=hidden)}

    def _make_row(
        self, scene: StoredScene, writer: Writer[R], action: Action, index: int, row: Mapping[str, Any]
    ) -> tuple[R, dict[str, Any]]:
        try:
            return writer.make(action.function(scene, **_read_arguments(action, row)))
        except InvalidInputError as error:
            raise InvalidInputError.of(
                [replace(found, path=f"$[{index}]{found.path[1:]}") for found in error.problems]
            ) from None

    def _authorise(self, action: str) -> None:
        context, name = self._scene.context, self._declaration.name
        if not self._scene.policy.permits(context, name, action):
            raise ForbiddenError(actor=context.actor, action=action, resource=name)


def _read_arguments(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the function's annotations have them. Raises InvalidInputError with every problem."""
    try:
        model = action.arguments.model_validate(arguments)
    except ValidationError as error:
        raise invalid(error, arguments) from None
    return {name: getattr(model, name) for name in action.arguments.model_fields}
