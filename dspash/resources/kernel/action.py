"""Actions: the typed functions by which records are made, changed, used."""

from __future__ import annotations

import enum
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, PydanticInvalidForJsonSchema, TypeAdapter, create_model

__all__ = ["Action", "ActionKind", "Values", "create", "destroy", "generic", "internal", "update"]

Values: TypeAlias = Mapping[str, Any]
"""Values of attributes by name: what a create or update action returns."""

_CONFIG = ConfigDict(
    extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True, protected_namespaces=()
)


class ActionKind(enum.StrEnum):
    """What an action does to the store."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"


@dataclass(frozen=True, eq=False)
class Action:
    """A function of a resource: `function(scene, *, …)`, or `function(scene, record, *, …)` for one record.

    create and update functions run inside the action's transaction and return values of attributes; destroy functions
    run before the record goes and return nothing. Generic ones run outside any transaction, and return what they like.
    Internal ones are for dspash itself: no command, page or other face offers them.
    """

    name: str
    kind: ActionKind
    function: Callable[..., Any]
    is_internal: bool = False

    def __call__(self, function: Callable[..., Any]) -> Action:
        """Mark another function as this kind: in a class body, `create` means the action from its definition on."""
        return Action(function.__name__, self.kind, function)

    @property
    def doc(self) -> str:
        """What it does, from the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @cached_property
    def takes_record(self) -> bool:
        """Whether it acts on one record."""
        return "record" in inspect.signature(self.function).parameters

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The model of its arguments: every keyword-only parameter, nothing else."""
        hints = self._hints
        fields: dict[str, Any] = {
            name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        return create_model(f"{self.function.__qualname__} arguments", __config__=_CONFIG, **fields)

    @cached_property
    def result(self) -> Any:
        """The annotation of what it returns."""
        return self._hints.get("return", Any)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        names = vars(sys.modules[self.function.__module__])
        return typing.get_type_hints(self.function, globalns=dict(names), include_extras=True)

    def describe(self) -> dict[str, Any]:
        """The action as plain data; `result` is null where what it returns has no JSON schema."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "doc": self.doc,
            "takes_record": self.takes_record,
            "internal": self.is_internal,
            "arguments": self.arguments.model_json_schema(),
            "result": _schema_of(self.result) if self.kind is ActionKind.GENERIC else None,
        }


def create(function: Callable[..., Any]) -> Action:
    """Make the function an action that inserts a record: it returns the record's values."""
    return Action(function.__name__, ActionKind.CREATE, function)


def update(function: Callable[..., Any]) -> Action:
    """Make the function an action that changes one record: it returns the values that change."""
    return Action(function.__name__, ActionKind.UPDATE, function)


def destroy(function: Callable[..., Any]) -> Action:
    """Make the function the action that removes one record: it may refuse, or see to what goes with it."""
    return Action(function.__name__, ActionKind.DESTROY, function)


def generic(function: Callable[..., Any]) -> Action:
    """Make the function an action that the kernel writes nothing for."""
    return Action(function.__name__, ActionKind.GENERIC, function)


def internal(action: Action) -> Action:
    """Keep the action to dspash itself; stands above the line that makes it one: `@internal @update def …`."""
    return replace(action, is_internal=True)


def _schema_of(annotation: Any) -> dict[str, Any] | None:
    try:
        return TypeAdapter(annotation, config=_config_for(annotation)).json_schema()
    except PydanticInvalidForJsonSchema:
        return None


def _config_for(annotation: Any) -> ConfigDict | None:
    """Models carry their own configuration; other annotations may name classes that pydantic does not know."""
    if typing.is_typeddict(annotation):
        return None
    plain = cast("object", annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return None
    return ConfigDict(arbitrary_types_allowed=True)
