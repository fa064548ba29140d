"""Builder: DSPy signature classes, from signatures that were read."""

from __future__ import annotations

from typing import Any, Final

import dspy
from dspy.utils.constants import IS_TYPE_UNDEFINED

from dspash_protocol.signature import Field, SignatureSpec
from dspash_worker.signatures.annotations import annotation_of, without_shadow_warnings

__all__ = ["build_signature"]

_DEFAULT_NAME: Final = "StringSignature"  # what DSPy itself calls a signature without a name


def build_signature(spec: SignatureSpec) -> type[dspy.Signature]:
    """Return the class that DSPy's modules take for `spec`. Without instructions, DSPy writes them from the fields."""
    name = spec.name if spec.name.isidentifier() else _DEFAULT_NAME
    make: Any = dspy.Signature  # calling this class makes a class
    with without_shadow_warnings():
        fields: dict[str, Any] = {field.name: _input(field) for field in spec.inputs}
        fields |= {field.name: _output(field) for field in spec.outputs}
        return make(fields, spec.instructions or None, signature_name=name)


def _input(field: Field) -> tuple[Any, Any]:
    # Of an input without a type, DSPy then takes any value without a warning.
    extra: dict[str, Any] = {IS_TYPE_UNDEFINED: not field.stated}
    if field.desc:
        extra["desc"] = field.desc
    annotation = annotation_of(field.type, name=field.name)
    if field.default is not None:
        extra["default"] = field.default
    elif field.optional:
        annotation, extra["default"] = annotation | None, None
    return annotation, dspy.InputField(**extra)


def _output(field: Field) -> tuple[Any, Any]:
    annotation = annotation_of(field.type, name=field.name)
    if field.optional:
        annotation = annotation | None
    return annotation, dspy.OutputField(**({"desc": field.desc} if field.desc else {}))
