"""Annotations: the Python types that DSPy and pydantic understand, for the types of the signature grammar."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Literal, Union

import dspy
import pydantic

from dspash_protocol.signature import (
    DspyType,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    Scalar,
    ScalarName,
    SpecialName,
    Type,
    UnionOf,
    check_value_type,
)

__all__ = ["annotation_of", "media_built", "needs_building", "without_shadow_warnings"]

_SCALARS: Final[dict[ScalarName, Any]] = {
    ScalarName.STR: str,
    ScalarName.INT: int,
    ScalarName.FLOAT: float,
    ScalarName.BOOL: bool,
    ScalarName.ANY: Any,
    ScalarName.NONE: type(None),
}
_SPECIALS: Final[dict[SpecialName, Any]] = {
    SpecialName.IMAGE: dspy.Image,
    SpecialName.AUDIO: dspy.Audio,
    SpecialName.FILE: dspy.File,
    SpecialName.HISTORY: dspy.History,
    SpecialName.CODE: dspy.Code,
    SpecialName.TOOL: dspy.Tool,
    SpecialName.TOOL_CALLS: dspy.ToolCalls,
    SpecialName.REASONING: dspy.Reasoning,
}
_MEDIA: Final = (SpecialName.IMAGE, SpecialName.AUDIO, SpecialName.FILE)
_filters = threading.Lock()


def annotation_of(type_: Type, *, name: str = "value") -> Any:
    """Return the Python type for `type_`; an object becomes a pydantic model, called after its field if it has no name."""
    match type_:
        case Scalar(scalar):
            return _SCALARS[scalar]
        case ListOf(item):
            return list[annotation_of(item, name=name)]
        case MapOf(key, item):
            return dict[annotation_of(key, name=name), annotation_of(item, name=name)]
        case LiteralOf(values):
            return Literal[values]
        case UnionOf(members):
            return Union[tuple(annotation_of(member, name=name) for member in members)]  # noqa: UP007  (as many as there are)
        case ObjectOf(fields):
            return _model_of(type_.name or name.title().replace("_", ""), fields)
        case DspyType(special, language):
            return dspy.Code[language] if language else _SPECIALS[special]


def needs_building(type_: Type) -> bool:
    """Whether a wire value of `type_` has to be built into a Python object before DSPy takes it."""
    match type_:
        case ObjectOf() | DspyType():
            return True
        case ListOf(item) | MapOf(_, item):
            return needs_building(item)
        case UnionOf(members):
            return any(needs_building(member) for member in members)
        case _:
            return False


def media_built(type_: Type, value: Any) -> Any:
    """Return `value` with every picture, sound and file in it built that was given as a URL, a data URI or bytes.

    Pydantic takes these in their full form only; everything else it builds by itself.
    """
    match type_:
        case DspyType(special) if special in _MEDIA and isinstance(value, str | bytes):
            return _SPECIALS[special](value)
        case ListOf(item) if isinstance(value, list):
            return [media_built(item, element) for element in value]
        case MapOf(_, item) if isinstance(value, dict):
            return {key: media_built(item, element) for key, element in value.items()}
        case ObjectOf(fields) if isinstance(value, dict):
            types = {field.name: field.type for field in fields}
            return {
                key: media_built(types[key], element) if key in types else element
                for key, element in value.items()
            }
        case UnionOf(members):
            fitting = (member for member in members if not check_value_type(member, value))
            return next((media_built(member, value) for member in fitting), value)
        case _:
            return value


@contextmanager
def without_shadow_warnings() -> Generator[None]:
    """Silence pydantic about fields called `copy` or `json`: they hide methods that no signature is asked for.

    Filters are the process's own, so this is for definitions, one at a time.
    """
    with _filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Field name .* shadows an attribute", category=UserWarning)
        warnings.filterwarnings("ignore", message="Field .* has conflict with protected namespace")
        yield


def _model_of(name: str, fields: tuple[Field, ...]) -> type[pydantic.BaseModel]:
    parts: dict[str, Any] = {}
    for field in fields:
        annotation = annotation_of(field.type, name=field.name)
        default: Any = field.default
        if field.required:
            default = ...
        elif field.default is None:
            annotation = annotation | None
        parts[field.name] = (annotation, pydantic.Field(default, description=field.desc or None))
    return pydantic.create_model(name, **parts)
