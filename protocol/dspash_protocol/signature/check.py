"""Check: values against types, all problems at once, each with its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from dspash_protocol.signature.errors import closest
from dspash_protocol.signature.render import type_text
from dspash_protocol.signature.shapes import is_list, is_map, kind_of
from dspash_protocol.signature.types import (
    ANY,
    NONE,
    DspyType,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    Scalar,
    ScalarName,
    SignatureSpec,
    SpecialName,
    Type,
    UnionOf,
)
from dspash_protocol.values import TYPE_TAG

__all__ = ["MAX_PROBLEMS", "Problem", "check_inputs", "check_value_type", "first_problem", "summary"]

MAX_PROBLEMS: Final = 50
"""Problems reported of one set of inputs: enough to mend a caller, no more than a person reads."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a value, and where."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def check_inputs(
    spec: SignatureSpec, inputs: object, *, path: str = "$.inputs", also: Iterable[str] = ()
) -> list[Problem]:
    """Return what is wrong with `inputs`: everything missing, unknown and mistyped; empty when they fit.

    `also` names further inputs that a module takes beside its signature's.
    """
    return list(islice(_problems_of_fields(spec.inputs, inputs, path, frozenset(also)), MAX_PROBLEMS))


def check_value_type(type_: Type, value: object, *, path: str = "$") -> list[Problem]:
    """Return what is wrong with `value` as a `type_`; empty when it fits."""
    return list(islice(_problems(type_, value, path), MAX_PROBLEMS))


def first_problem(type_: Type, value: object) -> str | None:
    """Return the first thing wrong with `value` as a `type_`, or None."""
    found = next(_problems(type_, value, ""), None)
    return found and (f"{found.path}: {found.message}" if found.path else found.message)


def summary(problems: list[Problem]) -> str:
    """Return all problems in one line."""
    told = "; ".join(str(problem) for problem in problems)
    return told if len(problems) == 1 else f"{len(problems)} problems: {told}"


def _problems_of_fields(
    fields: tuple[Field, ...], given: object, path: str, also: frozenset[str] = frozenset()
) -> Iterator[Problem]:
    if not is_map(given):
        yield Problem(path, f"a map of fields is wanted, this is {kind_of(given)}")
        return
    known = {field.name for field in fields} | also
    for field in fields:
        yield from _problems_of_field(field, given, f"{path}.{field.name}")
    for name in given:
        if name not in known:
            hint = closest(str(name), known) or f"known are {', '.join(sorted(known)) or 'none'}"
            yield Problem(_step(path, name), f"unknown; {hint}")


def _problems_of_field(field: Field, given: Mapping[str, Any], path: str) -> Iterator[Problem]:
    value = given.get(field.name)
    if value is None and not field.required:
        return
    if field.name not in given:
        yield Problem(path, "missing")
    elif field.stated:
        yield from _problems(field.type, value, path)


def _problems(type_: Type, value: object, path: str) -> Iterator[Problem]:
    match type_:
        case Scalar(name):
            found = (
                []
                if _SCALARS[name](value)
                else [Problem(path, f"{name} is wanted, this is {kind_of(value)}")]
            )
        case LiteralOf(values):
            fits = any(type(value) is type(option) and value == option for option in values)
            found = [] if fits else [Problem(path, f"{_shown(value)} is none of {_options(values)}")]
        case DspyType(name):
            wanted = f"{_SPECIALS[name].form} is wanted for {name}, this is {kind_of(value)}"
            found = [] if _fits_special(name, value) else [Problem(path, wanted)]
        case ListOf(item):
            found = _problems_of_list(item, value, path)
        case MapOf(key, item):
            found = _problems_of_map(key, item, value, path)
        case UnionOf(members):
            found = _problems_of_union(members, value, path)
        case ObjectOf(fields):
            found = _problems_of_fields(fields, value, path)
    yield from found


def _problems_of_list(item: Type, value: object, path: str) -> Iterator[Problem]:
    if not is_list(value):
        yield Problem(path, f"a list is wanted, this is {kind_of(value)}")
    elif item != ANY:
        for index, element in enumerate(value):
            yield from _problems(item, element, f"{path}[{index}]")


def _problems_of_map(key: Type, item: Type, value: object, path: str) -> Iterator[Problem]:
    if not is_map(value):
        yield Problem(path, f"a map is wanted, this is {kind_of(value)}")
        return
    for name, element in value.items():
        if not _fits_key(key, name):
            yield Problem(_step(path, name), f"a key is to be {type_text(key)}")
        elif item != ANY:
            yield from _problems(item, element, _step(path, name))


def _problems_of_union(members: tuple[Type, ...], value: object, path: str) -> Iterator[Problem]:
    tried = [
        list(islice(_problems(member, value, path), MAX_PROBLEMS)) for member in members if member != NONE
    ]
    if (value is None and NONE in members) or not all(tried):
        return
    if len(tried) == 1:
        yield from tried[0]
    else:
        yield Problem(path, f"{type_text(UnionOf(members))} is wanted, this is {kind_of(value)}")


_WHOLE: Final = re.compile(r"-?\d+")


def _fits_key(key: Type, name: object) -> bool:
    """Keys travel as text, so a key of another type is text that reads as one."""
    if not isinstance(name, str):
        return not isinstance(name, bool) and isinstance(name, int) and key != Scalar(ScalarName.STR)
    match key:
        case Scalar(ScalarName.INT):
            return _WHOLE.fullmatch(name) is not None
        case Scalar(ScalarName.FLOAT):
            return _reads_as_float(name)
        case Scalar(ScalarName.BOOL):
            return name.lower() in ("true", "false")
        case LiteralOf(values):
            return name in map(str, values)
        case _:
            return True


def _reads_as_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_SCALARS: Final[dict[ScalarName, Callable[[object], bool]]] = {
    ScalarName.STR: lambda value: isinstance(value, str),
    ScalarName.INT: lambda value: isinstance(value, int) and not isinstance(value, bool),
    ScalarName.FLOAT: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    ScalarName.BOOL: lambda value: isinstance(value, bool),
    ScalarName.ANY: lambda _value: True,
    ScalarName.NONE: lambda value: value is None,
}


@dataclass(frozen=True, slots=True)
class _Special:
    """How one of DSPy's types may be given: tagged, as one of these kinds of value, or as a map with one of `keys`."""

    kinds: tuple[type, ...]
    keys: frozenset[str]
    form: str


_SPECIALS: Final = {
    SpecialName.IMAGE: _Special((str, bytes), frozenset({"url"}), "a URL, a data URI or bytes"),
    SpecialName.AUDIO: _Special(
        (str,), frozenset({"data"}), "a data URI, or a map with data and audio_format"
    ),
    SpecialName.FILE: _Special((str, bytes), frozenset({"file_data", "file_id"}), "a data URI or bytes"),
    SpecialName.HISTORY: _Special((), frozenset({"messages"}), "a map with messages"),
    SpecialName.CODE: _Special((str,), frozenset({"code"}), "text"),
    SpecialName.TOOL: _Special((), frozenset(), "a tagged tool"),
    SpecialName.TOOL_CALLS: _Special((list,), frozenset({"tool_calls"}), "a list of calls"),
    SpecialName.REASONING: _Special((str,), frozenset({"content"}), "text"),
}


def _fits_special(name: SpecialName, value: object) -> bool:
    special = _SPECIALS[name]
    if is_map(value):
        return value[TYPE_TAG] == name if TYPE_TAG in value else not special.keys.isdisjoint(value)
    return isinstance(value, special.kinds)


def _options(values: tuple[object, ...]) -> str:
    shown = ", ".join(_shown(value) for value in values[:8])
    return shown if len(values) <= 8 else f"{shown} and {len(values) - 8} more"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _step(path: str, name: object) -> str:
    return f"{path}.{name}" if isinstance(name, str) and name.isidentifier() else f"{path}[{_shown(name)}]"
