"""Reading: whatever says a signature, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from dspash.signatures.dspy_class import is_dspy_class, spec_of_dspy_class
from dspash.signatures.refusal import invalid_signature
from dspash.signatures.signature import Signature, SignatureType
from dspash_protocol.signature import SignatureError, SignatureSpec, read_signature

__all__ = ["SignatureLike", "signature_of", "spec_of"]

SignatureLike: TypeAlias = str | Mapping[str, Any] | SignatureType | type[Any]
"""Text (`"question -> answer"`), a map of field lists, a dspash.Signature, or a dspy.Signature."""


def signature_of(said: object, *, path: str = "$.signature") -> SignatureType:
    """Return the signature that `said` says. Raises InvalidInputError with path, field and character."""
    return said if isinstance(said, SignatureType) else Signature.of_spec(spec_of(said, path=path))


def spec_of(said: object, *, path: str = "$.signature") -> SignatureSpec:
    """The same as a value of the grammar."""
    try:
        if isinstance(said, SignatureType):
            return _with_outputs(said.spec)
        return spec_of_dspy_class(said) if is_dspy_class(said) else read_signature(said, path=path)
    except SignatureError as error:
        raise invalid_signature(error if error.path.startswith(path) else error.under(path)) from None


def _with_outputs(spec: SignatureSpec) -> SignatureSpec:
    if not spec.outputs:
        raise SignatureError("there is no output field", hint="declare one with dspash.Output()")
    return spec
