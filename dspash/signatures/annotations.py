"""Annotations: the types of the signature grammar, for the Python types that a host's classes are annotated with."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, Final, ForwardRef, Literal, Union, cast

from dspash_protocol.signature import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DspyType,
    ListOf,
    LiteralOf,
    MapOf,
    SignatureError,
    SpecialName,
    Type,
    parse_type,
    read_type,
    union_of,
)
from dspash_protocol.signature.names import INSTEAD, TYPE_SUMMARY

__all__ = ["type_of_annotation", "type_of_text"]

_PLAIN: Final[dict[Any, Type]] = {
    str: STR,
    int: INT,
    float: FLOAT,
    bool: BOOL,
    Any: ANY,
    object: ANY,
    None: NONE,
    type(None): NONE,
    list: ListOf(ANY),
    dict: MapOf(STR, ANY),
}
_LISTS: Final = ("list", "Sequence", "Iterable", "Collection")
_MAPS: Final = ("dict", "Mapping")
_TEXTS: Final = (NameError, SyntaxError, TypeError, AttributeError)
"""How text fails that is a type of the grammar and no Python expression: `Image`, `{:array, :string}`."""


def type_of_text(text: str, names: Mapping[str, Any]) -> Type:
    """Return the type that an annotation kept as text means, to Python where `names` know it, else to the grammar.

    Raises SignatureError with the character.
    """
    try:
        # The class's own annotation in its own namespace, as everything that reads annotations evaluates it.
        found = eval(text, {}, dict(names))  # noqa: S307
    except _TEXTS:
        return parse_type(text)
    try:
        return type_of_annotation(found)
    except SignatureError as error:
        try:
            return parse_type(
                text
            )  # `string` is a type of the grammar, also where a module of that name was imported
        except SignatureError:
            raise error from None


def type_of_annotation(annotation: Any) -> Type:
    """Return the type that a Python annotation means; text is read by the grammar. Raises SignatureError."""
    if isinstance(annotation, str):
        return parse_type(annotation)
    if isinstance(annotation, ForwardRef):
        return parse_type(annotation.__forward_arg__)
    if _hashable(annotation) and annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _parametrised(annotation, origin, typing.get_args(annotation))
    meant = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
    if meant is not None and not isinstance(annotation, type):  # NewType, and `type X = …`
        return type_of_annotation(meant)
    if isinstance(annotation, type):
        return _type_of_class(cast("type[Any]", annotation))
    raise SignatureError(f"{annotation!r:.60} is no type", hint=TYPE_SUMMARY)


def _parametrised(annotation: Any, origin: Any, parameters: tuple[Any, ...]) -> Type:
    if origin is Literal:
        return _literal(parameters)
    if origin is Union or origin is types.UnionType:
        return union_of(type_of_annotation(parameter) for parameter in parameters)
    if origin is typing.Annotated:
        return type_of_annotation(parameters[0])
    name = getattr(origin, "__name__", "")
    if name in _LISTS and len(parameters) == 1:
        return ListOf(type_of_annotation(parameters[0]))
    if name in _MAPS and len(parameters) == 2:
        return MapOf(_key(parameters[0]), type_of_annotation(parameters[1]))
    if dataclasses.is_dataclass(origin) or hasattr(origin, "model_json_schema"):
        return _type_of_schema(annotation)
    raise _no_type(name or repr(annotation))


def _key(annotation: Any) -> Type:
    key = type_of_annotation(annotation)
    if key in (STR, INT, FLOAT, BOOL, ANY) or isinstance(key, LiteralOf):
        return key
    raise SignatureError("keys are str, int, float, bool or a Literal")


def _literal(values: tuple[Any, ...]) -> Type:
    options = tuple(value for value in values if value is not None)
    for option in options:
        if not isinstance(option, str | int):
            raise SignatureError(
                f"{option!r:.60} cannot be an option", hint="options are text, integers or bools"
            )
    members: list[Type] = [LiteralOf(options)] if options else []
    return union_of([*members, NONE] if len(options) < len(values) else members)


def _type_of_class(annotation: type[Any]) -> Type:
    special = _special(annotation)
    if special is not None:
        return special
    if issubclass(annotation, enum.Enum):
        return _literal(tuple(member.value for member in annotation))
    if (
        hasattr(annotation, "model_json_schema")
        or dataclasses.is_dataclass(annotation)
        or hasattr(annotation, "__required_keys__")  # a TypedDict
    ):
        return _type_of_schema(annotation)
    raise _no_type(annotation.__name__)


def _special(annotation: type[Any]) -> Type | None:
    """DSPy's own type, where the host has loaded DSPy and names its class."""
    if annotation.__module__.partition(".")[0] != "dspy":
        return None
    for cls in annotation.__mro__:
        if cls.__name__ in tuple(SpecialName):
            name = SpecialName(cls.__name__)
            language = getattr(annotation, "language", "") if cls is not annotation else ""
            return DspyType(name, language if isinstance(language, str) else "")
    return None


def _type_of_schema(annotation: Any) -> Type:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

    try:
        schema = TypeAdapter(annotation).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise SignatureError(f"{annotation!r:.60} has no JSON schema: {str(error).splitlines()[0]}") from None
    return read_type(schema, path="$")


def _no_type(name: str) -> SignatureError:
    return SignatureError(f"{name!r:.60} is no type", hint=INSTEAD.get(name.lower(), TYPE_SUMMARY))


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
