"""ClassBody: the fields that the body of a signature's class declares."""

from __future__ import annotations

import inspect
import sys
from collections import ChainMap
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

from dspash.signatures.annotations import type_of_annotation, type_of_text
from dspash.signatures.declaration import Declaration, Role
from dspash_protocol.errors import InvalidValueError
from dspash_protocol.signature import NONE, STR, Field, SignatureError, SignatureSpec, Type, UnionOf, union_of
from dspash_protocol.signature.check import first_problem
from dspash_protocol.signature.names import check_names
from dspash_protocol.signature.tokens import is_name
from dspash_protocol.values import check_value

__all__ = ["declared_field", "names_around", "spec_of_class"]


def spec_of_class(
    cls: type, declared: Mapping[str, Declaration], parents: Iterable[SignatureSpec], names: Mapping[str, Any]
) -> SignatureSpec:
    """Return what `cls` says: its parents' fields, then its own, which replace those of the same name.

    `declared` are its declarations in order, `names` what its annotations may mention. Raises SignatureError naming the
    field.
    """
    annotations = _annotations_of(cls)
    _check_body(cls, declared, annotations)
    inherited = list(parents)
    inputs = {field.name: field for spec in reversed(inherited) for field in spec.inputs}
    outputs = {field.name: field for spec in reversed(inherited) for field in spec.outputs}
    for name, declaration in declared.items():
        try:
            field = declared_field(name, declaration, _type_of(name, annotations, names))
        except SignatureError as error:
            raise error.under("$", field=name) from None
        mine, other = (inputs, outputs) if declaration.role is Role.INPUT else (outputs, inputs)
        mine[name] = field
        other.pop(name, None)
    check_names(tuple(inputs.values()), tuple(outputs.values()))
    instructions = inspect.cleandoc(cls.__dict__["__doc__"]) if cls.__dict__.get("__doc__") else ""
    instructions = instructions or next((spec.instructions for spec in inherited if spec.instructions), "")
    return SignatureSpec(tuple(inputs.values()), tuple(outputs.values()), instructions, cls.__name__)


def declared_field(name: str, declaration: Declaration, type_: Type | None) -> Field:
    """Return one field; `type_` is None where none was written. Raises SignatureError."""
    if not is_name(name):
        hint = "use letters, digits and _ (not first), and no Python keyword"
        raise SignatureError(f"{name!r:.60} cannot name a field", hint=hint)
    default = declaration.default
    stated = type_ is not None
    type_ = STR if type_ is None else type_
    optional = declaration.optional
    if default is None and isinstance(type_, UnionOf) and NONE in type_.members and optional:
        # What may be left out may be None: `x?: str` says it all.
        type_ = union_of(member for member in type_.members if member != NONE)
    if type_ == NONE:
        raise SignatureError("None alone says nothing", hint="write Optional[...] around another type")
    if default is not None:
        try:
            check_value(default)
        except InvalidValueError as error:
            raise SignatureError(f"the default is no JSON value: {error.problem}") from None
        if stated and (problem := first_problem(type_, default)) is not None:
            raise SignatureError(f"the default does not fit: {problem}")
    return Field(name, type_, stated, declaration.desc, optional, default)


def names_around(cls: type, made_in: FrameType | None) -> Mapping[str, Any]:
    """Return the names that the annotations of `cls` may mention, nearest first; `made_in` is where it is being made."""
    statement = made_in.f_back if made_in is not None else None
    local = statement.f_locals if statement is not None else {}
    module = sys.modules.get(cls.__module__)
    return ChainMap(dict(vars(cls)), dict(local), vars(module) if module is not None else {})


def _annotations_of(cls: type) -> Mapping[str, Any]:
    """The class's own annotations; those that mention unknown names stay text."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _type_of(name: str, annotations: Mapping[str, Any], names: Mapping[str, Any]) -> Type | None:
    if name not in annotations:
        return None
    annotation = annotations[name]
    return type_of_text(annotation, names) if isinstance(annotation, str) else type_of_annotation(annotation)


def _check_body(cls: type, declared: Mapping[str, Declaration], annotations: Mapping[str, Any]) -> None:
    """A signature's class has fields and nothing else, but for classes that their types mention."""
    others = {
        name for name, value in vars(cls).items() if not name.startswith("_") and not isinstance(value, type)
    }
    for name in (*annotations, *sorted(others)):
        if name not in declared:
            raise SignatureError(
                "this is neither input nor output",
                field=name,
                hint="write dspash.Input() or dspash.Output() behind it, with its default in the brackets",
            )
