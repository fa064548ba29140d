"""DspyClass: a signature class of DSPy's, as a host that has loaded DSPy may give it; read without loading DSPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dspash.signatures.annotations import type_of_annotation
from dspash.signatures.class_body import declared_field
from dspash.signatures.declaration import Declaration, Role
from dspash_protocol.signature import Field, SignatureError, SignatureSpec
from dspash_protocol.signature.names import check_names

__all__ = ["is_dspy_class", "spec_of_dspy_class"]

_UNTYPED: Final = "IS_TYPE_UNDEFINED"


def is_dspy_class(value: object) -> bool:
    """Whether `value` is a subclass of `dspy.Signature`."""
    return isinstance(value, type) and any(
        cls.__module__.partition(".")[0] == "dspy" and cls.__name__ == "Signature" for cls in value.__mro__
    )


def spec_of_dspy_class(cls: Any) -> SignatureSpec:
    """Return what a DSPy signature says. Raises SignatureError naming the field."""
    inputs = _fields(cls.input_fields, Role.INPUT)
    outputs = _fields(cls.output_fields, Role.OUTPUT)
    check_names(inputs, outputs)
    told: str = cls.instructions or ""
    if told == _written_by_dspy(inputs, outputs):
        told = ""
    return SignatureSpec(inputs, outputs, told, cls.__name__)


def _fields(fields: Mapping[str, Any], role: Role) -> tuple[Field, ...]:
    return tuple(_field(name, info, role) for name, info in fields.items())


def _field(name: str, info: Any, role: Role) -> Field:
    extra: Mapping[str, Any] = info.json_schema_extra or {}
    desc = extra.get("desc", "")
    if desc == f"${{{name}}}":  # what DSPy shows where nothing was said
        desc = ""
    optional = role is Role.INPUT and not info.is_required()
    default = info.get_default(call_default_factory=True) if optional else None
    try:
        type_ = None if extra.get(_UNTYPED) else type_of_annotation(info.annotation)
        return declared_field(name, Declaration(role, desc, optional and default is None, default), type_)
    except SignatureError as error:
        raise error.under("$", field=name) from None


def _written_by_dspy(inputs: tuple[Field, ...], outputs: tuple[Field, ...]) -> str:
    """The instructions of a DSPy signature that was given none."""
    taken, made = (", ".join(f"`{field.name}`" for field in fields) for fields in (inputs, outputs))
    return f"Given the fields {taken}, produce the fields {made}."
