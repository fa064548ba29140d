"""Parameters: a configuration checked against what a class of DSPy's really takes."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from dspash_worker.refusal import invalid, invalid_value, unknown_key

__all__ = ["Parameter", "check_config", "check_required", "parameters_of"]

_PLAIN: Final = (bool, int, float, str, list, dict, type(None))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that a configuration may set: the kinds of value it takes (none: any), or the fixed options.

    `default` is what DSPy takes where it is not set and not `required`; it plays no part in what may be set.
    """

    name: str
    kinds: tuple[type, ...] = ()
    options: tuple[Any, ...] = ()
    required: bool = False
    default: Any = field(default=None, compare=False)

    def problem_of(self, value: object) -> str | None:
        """Return what is wrong with `value`, or None."""
        if self.options and value not in self.options and not isinstance(value, self.kinds):
            return f"{value!r:.60} is none of {', '.join(map(repr, self.options))}"
        if self.options or not self.kinds or _is_one_of(value, self.kinds):
            return None
        wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in self.kinds)
        return f"{wanted} is wanted, this is {'None' if value is None else type(value).__name__}"


def parameters_of(function: Callable[..., Any], *, given: Collection[str] = ()) -> dict[str, Parameter]:
    """Return the parameters of `function` that a configuration may set: all but those that are `given` by the worker.

    Values other than JSON's (functions, modules, models) cannot be configured, so their parameters are left out.
    """
    if inspect.isclass(function):
        function = function.__init__  # the signature of the class itself may be its metaclass's
    hints = _hints_of(function)
    found: dict[str, Parameter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        by_name = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        if not by_name or name in given or name == "self":
            continue
        described = _described(name, hints.get(name, parameter.annotation), parameter.default)
        if described is not None:
            found[name] = described if described.required else replace(described, default=parameter.default)
    return found


def check_config(
    config: Mapping[str, Any], parameters: Mapping[str, Parameter], *, path: str, also: Iterable[str] = ()
) -> dict[str, Any]:
    """Return `config`. Raises FaultError naming the key that is unknown, or whose value does not fit.

    `also` are further keys to name as known: those that are checked elsewhere.
    """
    for name, value in config.items():
        parameter = parameters.get(name)
        if parameter is None:
            raise unknown_key(path, name, (*parameters, *also))
        if (problem := parameter.problem_of(value)) is not None:
            raise invalid(f"{path}.{name}", problem)
    return dict(config)


def check_required(config: Mapping[str, Any], parameters: Mapping[str, Parameter], *, path: str) -> None:
    """Raise FaultError for a required parameter that `config` does not set."""
    for name, parameter in parameters.items():
        if parameter.required and name not in config:
            raise invalid_value(f"{path}.{name}", _wanted(parameter), None)


def _wanted(parameter: Parameter) -> str:
    return " or ".join(kind.__name__ for kind in parameter.kinds if kind is not type(None)) or "a value"


def _described(name: str, annotation: Any, default: Any) -> Parameter | None:
    required = default is inspect.Parameter.empty
    if annotation is inspect.Parameter.empty:
        return _by_default(name, default)
    if isinstance(annotation, str):
        return None  # not even its own module knows this name: no value from outside can be one
    kinds: list[type] = []
    options: list[Any] = []
    for member in _members(annotation):
        origin = get_origin(member) or member
        if origin is Literal:
            options += get_args(member)
        elif origin is Any:
            return Parameter(name, required=required)
        elif isinstance(origin, type) and origin in _PLAIN:
            kinds.append(origin)
    if not options and not [kind for kind in kinds if kind is not type(None)]:
        return None
    return Parameter(name, tuple(kinds), tuple(options), required)


def _by_default(name: str, default: Any) -> Parameter | None:
    """Without an annotation, a default tells the kind; None and no default tell nothing, and anything is taken."""
    if default is inspect.Parameter.empty or default is None:
        return Parameter(name, required=default is inspect.Parameter.empty)
    kind = type(default)
    return Parameter(name, (kind,)) if kind in _PLAIN else None


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _is_one_of(value: object, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int) and float in kinds:
        return True
    return isinstance(value, kinds)


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Resolve each annotation by itself: one that names what only type checkers import must not cost the others."""
    names = getattr(inspect.unwrap(function), "__globals__", {})
    hints: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        try:
            hints |= get_type_hints(types.SimpleNamespace(__annotations__={name: annotation}), names)
        except (NameError, TypeError, AttributeError):
            continue
    return hints
