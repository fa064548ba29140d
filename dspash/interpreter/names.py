"""Names: what tools, variables and output fields may be called in code."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dspash.interpreter.kin import interpreter_error

__all__ = ["check_tools", "check_variables", "field_names"]

_RESERVED: Final = frozenset({"SUBMIT", "__builtins__"})


def check_tools(tools: Iterable[object]) -> None:
    """Raise ValueError, as DSPy's own interpreters do, unless code can call each of `tools` by its name."""
    invalid = [name for name in tools if not _is_free(name)]
    if invalid:
        raise ValueError(f"tool names must be non-reserved Python identifiers; invalid names: {invalid!r}")


def check_variables(variables: Mapping[Any, Any], tools: Mapping[str, Any]) -> None:
    """Raise CodeInterpreterError unless each of `variables` can be a global beside the tools."""
    invalid = [name for name in variables if not _is_free(name) or name in tools]
    if invalid:
        raise interpreter_error(
            "variable names must be non-reserved Python identifiers distinct from tool names; "
            f"invalid names: {invalid!r}"
        )


def field_names(output_fields: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...] | None:
    """The names of the output fields, None without any list. Raises ValueError for what SUBMIT could not take."""
    if output_fields is None:
        return None
    names = [_name_of(field) for field in output_fields]
    if any(not name.isidentifier() or keyword.iskeyword(name) for name in names):
        raise ValueError("output field names must be non-keyword Python identifiers")
    if len(names) != len(set(names)):
        raise ValueError("output field names must be unique")
    return tuple(names)


def _name_of(field: object) -> str:
    name: object = field.get("name") if isinstance(field, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return name if isinstance(name, str) else ""


def _is_free(name: object) -> bool:
    return (
        isinstance(name, str)
        and name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in _RESERVED
    )
